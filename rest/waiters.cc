#include "rest/waiters.h"

#include <chrono>

namespace mom::rest {
namespace {

std::chrono::steady_clock::time_point ToTimePoint(Instant instant) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::nanoseconds(instant.ns)));
}

Instant SteadyNow() {
  return Instant{std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::steady_clock::now().time_since_epoch())
                     .count()};
}

bool IsHungUp(const Waiters::Waiter& waiter) {
  return waiter.hung_up && waiter.hung_up->load();
}

}  // namespace

Waiters::Waiters(WaitersOptions options) : options_(options), timer_([this] { RunTimer(); }) {}

Waiters::~Waiters() {
  Stop();
}

Waiters::Added Waiters::Add(Waiter&& waiter, uint64_t place) {
  std::vector<Waiter> gone;  // Destroyed without the lock.
  std::lock_guard lock(mutex_);
  if (stopping_) return Added::kStopping;
  if (RoomFor(waiter.user) != Added::kYes) RemoveHungUp(&gone);
  if (const Added room = RoomFor(waiter.user); room != Added::kYes) return room;
  if (place == 0) place = next_place_++;
  ++per_user_[waiter.user];
  per_session_[waiter.session].emplace(place, waiter.queue);
  const bool is_first = deadlines_.empty() || waiter.deadline < deadlines_.begin()->first.first;
  deadlines_.emplace(Deadline{waiter.deadline, place}, waiter.queue);
  Line& line = lines_[waiter.queue];
  line.waiting.emplace(place, std::move(waiter));
  if (is_first) wake_.notify_one();
  return Added::kYes;
}

bool Waiters::HasWaiters(const std::string& queue) const {
  std::lock_guard lock(mutex_);
  const auto found = lines_.find(queue);
  return found != lines_.end() && !found->second.waiting.empty();
}

void Waiters::Offer(const std::string& queue, uint64_t ready) {
  Places woken;
  std::vector<Waiter> gone;
  {
    std::lock_guard lock(mutex_);
    const auto found = lines_.find(queue);
    if (found == lines_.end()) return;
    Line& line = found->second;
    while (!line.waiting.empty() && line.taking < ready) {
      const uint64_t place = line.waiting.begin()->first;
      Waiter waiter = Remove(&line, line.waiting.begin());
      if (IsHungUp(waiter)) {
        gone.push_back(std::move(waiter));
        continue;
      }
      line.taking += waiter.max;
      woken.emplace_back(place, std::move(waiter));
    }
    DropIfIdle(queue);
  }
  Resume(&woken, Wake::kReady);
}

void Waiters::Resume(Places* woken, Wake wake) {
  for (auto& [place, waiter] : *woken) waiter.resume(wake, place);
}

void Waiters::LookAgain(const std::string& queue, const std::function<bool(const Waiter&)>& which) {
  Places woken;
  {
    std::lock_guard lock(mutex_);
    const auto found = lines_.find(queue);
    if (found == lines_.end()) return;
    auto& waiting = found->second.waiting;
    for (auto at = waiting.begin(); at != waiting.end();) {
      const auto next = std::next(at);
      if (which(at->second)) {
        const uint64_t place = at->first;
        woken.emplace_back(place, Remove(&found->second, at));
      }
      at = next;
    }
    DropIfIdle(queue);
  }
  Resume(&woken, Wake::kLookAgain);
}

void Waiters::LookAgainUnder(const std::string& session) {
  Places woken;
  {
    std::lock_guard lock(mutex_);
    for (auto found = per_session_.find(session); found != per_session_.end();
         found = per_session_.find(session)) {
      const auto [place, queue] = *found->second.begin();
      Line& line = lines_.at(queue);
      woken.emplace_back(place, Remove(&line, line.waiting.find(place)));
      DropIfIdle(queue);
    }
  }
  Resume(&woken, Wake::kLookAgain);
}

void Waiters::LookAgainAll() {
  std::vector<std::string> queues;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [queue, line] : lines_) queues.push_back(queue);
  }
  for (const std::string& queue : queues) LookAgain(queue, [](const Waiter&) { return true; });
}

void Waiters::Done(const std::string& queue, uint32_t max) {
  std::lock_guard lock(mutex_);
  const auto found = lines_.find(queue);
  if (found == lines_.end()) return;
  found->second.taking -= max;
  DropIfIdle(queue);
}

void Waiters::Stop() {
  std::vector<Waiter> all;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [queue, line] : lines_)
      for (auto& [place, waiter] : line.waiting) all.push_back(std::move(waiter));
    lines_.clear();
    deadlines_.clear();
    per_user_.clear();
    per_session_.clear();
  }
  wake_.notify_all();
  for (Waiter& waiter : all) waiter.resume(Wake::kStopping, 0);
  if (timer_.joinable()) timer_.join();
}

size_t Waiters::size() const {
  std::lock_guard lock(mutex_);
  return deadlines_.size();
}

void Waiters::RunTimer() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (deadlines_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const Instant first = deadlines_.begin()->first.first;
    if (first > SteadyNow()) {
      wake_.wait_until(lock, ToTimePoint(first));
      continue;
    }
    const std::string queue = deadlines_.begin()->second;
    Line& line = lines_.at(queue);
    const Waiter waiter = Remove(&line, line.waiting.find(deadlines_.begin()->first.second));
    DropIfIdle(queue);
    lock.unlock();
    waiter.resume(Wake::kTimeout, 0);
    lock.lock();
  }
}

Waiters::Waiter Waiters::Remove(Line* line, std::map<uint64_t, Waiter>::iterator at) {
  Waiter waiter = std::move(at->second);
  deadlines_.erase(Deadline{waiter.deadline, at->first});
  const auto session = per_session_.find(waiter.session);
  session->second.erase(at->first);
  if (session->second.empty()) per_session_.erase(session);
  line->waiting.erase(at);
  const auto user = per_user_.find(waiter.user);
  if (--user->second == 0) per_user_.erase(user);
  return waiter;
}

void Waiters::DropIfIdle(const std::string& queue) {
  const auto found = lines_.find(queue);
  if (found != lines_.end() && found->second.waiting.empty() && found->second.taking == 0)
    lines_.erase(found);
}

void Waiters::RemoveHungUp(std::vector<Waiter>* gone) {
  for (auto line = lines_.begin(); line != lines_.end();) {
    for (auto at = line->second.waiting.begin(); at != line->second.waiting.end();) {
      const auto next = std::next(at);
      if (IsHungUp(at->second)) gone->push_back(Remove(&line->second, at));
      at = next;
    }
    const bool is_idle = line->second.waiting.empty() && line->second.taking == 0;
    line = is_idle ? lines_.erase(line) : std::next(line);
  }
}

Waiters::Added Waiters::RoomFor(const std::string& user) const {
  const auto found = per_user_.find(user);
  if (found != per_user_.end() && found->second >= options_.per_user_max) return Added::kUserIsFull;
  return deadlines_.size() >= options_.per_node_max ? Added::kNodeIsFull : Added::kYes;
}

}  // namespace mom::rest
