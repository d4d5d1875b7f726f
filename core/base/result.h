// Result<T>: a value or the Status that says why there is none.
#pragma once

#include <utility>
#include <variant>

#include "core/base/check.h"
#include "core/base/status.h"

namespace mom {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}        // NOLINT: implicit by intent
  Result(Status status) : state_(std::move(status)) {  // NOLINT: implicit by intent
    MOM_CHECK(!std::get<Status>(state_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(state_); }
  Status status() const { return ok() ? Status() : std::get<Status>(state_); }

  // REQUIRES: ok().
  T& value() & {
    MOM_CHECK(ok(), status());
    return std::get<T>(state_);
  }
  const T& value() const& {
    MOM_CHECK(ok(), status());
    return std::get<T>(state_);
  }
  T&& value() && {
    MOM_CHECK(ok(), status());
    return std::get<T>(std::move(state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace mom
