// ExecutedBatch: entries run against a view, and what they change, before it is written there. Nobody sees
// anything of it until then; thrown away instead it leaves no trace, since what the broker does is a function
// of the view and the entries alone.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/entry.h"
#include "core/broker/broker.h"
#include "replication/replica/digest_marks.h"
#include "replication/replica/proposal.h"

namespace mom::replication {

// Used by one thread.
class ExecutedBatch {
 public:
  // `latest` and `marks` outlive it; about `entries` will be run. REQUIRES: `before` is what `latest` says of
  // itself, and stays so until changes() are written, or to the end of this object.
  ExecutedBatch(const broker::ViewReader* latest, const broker::AppliedState& before, DigestMarks* marks,
                size_t entries);
  ~ExecutedBatch();  // Not written: its marks are forgotten.
  ExecutedBatch(const ExecutedBatch&) = delete;
  ExecutedBatch& operator=(const ExecutedBatch&) = delete;

  // REQUIRES: `entry` follows those before; not finished.
  void Run(const Entry& entry);
  // Nothing more is run.
  void Finish() { finished_ = &changes_.Finish(); }

  size_t size() const { return outcomes_.size(); }
  // Whether `entries` begin with those that were run: the same offsets and epochs, so the same entries.
  bool BeginsLike(const std::deque<Pending>& entries) const;
  // changes() are in the view now. REQUIRES: finished.
  void OnWritten();

  const broker::AppliedState& state() const { return changes_.state(); }
  const broker::ViewBatch& changes() const { return *finished_; }
  const std::set<std::string>& woken() { return *changes_.woken(); }
  const broker::Revoked& revoked() { return *changes_.revoked(); }
  uint64_t log_bytes() const { return log_bytes_; }
  // In order of the entries; may be moved from.
  std::vector<Outcome>* outcomes() { return &outcomes_; }
  uint64_t origin(size_t index) const { return origins_[index]; }

 private:
  const Offset begin_;
  DigestMarks* const marks_;
  broker::EntryBatch changes_;
  const broker::ViewBatch* finished_ = nullptr;
  bool is_written_ = false;
  std::vector<Outcome> outcomes_;
  std::vector<uint64_t> origins_;  // Of each entry: v1::Command.origin.
  uint64_t log_bytes_ = 0;
};

}  // namespace mom::replication
