#include "core/broker/key_walk.h"

namespace mom::broker {
namespace {

constexpr int kStepsMax = 4;  // As many cost about what a look does.

}  // namespace

std::optional<std::string_view> KeyWalk::Find(std::string_view key) {
  if (at_) {
    for (int step = 0; step < kStepsMax && at_->Valid() && at_->key() < key; ++step) at_->Next();
  } else {
    at_ = view_->NewIterator();
  }
  if (!at_->Valid() || at_->key() != key) at_->Seek(key);
  if (!at_->Valid() || at_->key() != key) return std::nullopt;
  return at_->value();
}

}  // namespace mom::broker
