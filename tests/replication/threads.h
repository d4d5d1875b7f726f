// Values and functions that threads of a test hand to each other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/check.h"

namespace mom::replication {

// Far beyond what any step needs, so that a loaded machine changes nothing.
inline constexpr std::chrono::seconds kPatience{60};

// A function that may be set while others call it; does nothing until then.
template <typename Signature>
class Hook {
 public:
  Hook& operator=(std::function<Signature> function) {
    std::lock_guard lock(mutex_);
    function_ = std::move(function);
    return *this;
  }
  template <typename... Arguments>
  void operator()(Arguments&&... arguments) {
    std::function<Signature> function;
    {
      std::lock_guard lock(mutex_);
      function = function_;
    }
    if (function) function(std::forward<Arguments>(arguments)...);
  }

 private:
  std::mutex mutex_;
  std::function<Signature> function_;
};

// A result that one thread sets and another waits for.
template <typename T>
class Promised {
 public:
  void Set(T value) {
    std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    set_.notify_all();
  }
  // The first.
  T Await() {
    std::unique_lock lock(mutex_);
    MOM_CHECK(set_.wait_for(lock, kPatience, [&] { return !values_.empty(); }));
    return values_.front();
  }
  size_t count() {
    std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable set_;
  std::vector<T> values_;
};

}  // namespace mom::replication
