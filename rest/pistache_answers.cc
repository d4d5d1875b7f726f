// How a PistacheWorker sends its answers.
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include <algorithm>
#include <ctime>

#include "rest/pistache_worker.h"
#include "rest/problem.h"

namespace mom::rest {

// Sends what handlers answered at once. Sending may start the next request of a connection, whose handler
// may answer at once: a loop, not a recursion.
void PistacheWorker::SendAnswers() {
  for (size_t i = 0; i < ready_.size(); ++i) {
    auto [number, response] = std::move(ready_[i]);
    Answer(number, std::move(response));
  }
  ready_.clear();
  DropEnded();
}

// Does nothing when the client has hung up: its descriptor then has no connection, or one that waits for
// another request.
void PistacheWorker::Answer(uint64_t request_number, HttpResponse response) {
  Connection* connection = Find(static_cast<int>(request_number & ((uint64_t{1} << kFdBits) - 1)));
  if (connection == nullptr || connection->request_number != request_number)
    connection = FindHalfClosed(request_number);
  if (connection == nullptr || connection->request_number != request_number) return;
  if (response.status < 200 || response.status > 999) response = Problem(500, "internal", "internal error");
  if (state_->is_draining) connection->keep_alive = false;
  SendAnswer(connection, response);
}

void PistacheWorker::SendAnswer(Connection* connection, const HttpResponse& response) {
  head_.clear();
  if (connection->is_ours && connection->input.empty()) connection->keep_alive = false;  // The last one.
  const AnswerContext context{connection->keep_alive, connection->is_head_request, connection->request_id,
                              DateOfNow()};
  const bool has_body = AppendHead(response, context, &head_);
  connection->request_number = 0;
  connection->deadline_tick = tick_ + static_cast<uint64_t>(state_->options.request_seconds_max) + 1;
  state_->answers.fetch_add(1, std::memory_order_relaxed);
  Send(connection, head_, has_body ? std::string_view(response.body) : std::string_view());
  if (connection->output.empty()) AfterAnswer(connection);
}

// As of the second that it is.
std::string_view PistacheWorker::DateOfNow() {
  const int64_t now = ::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    date_line_ = DateLine(now);
  }
  return date_line_;
}

// The end of a connection that cannot be read any further.
void PistacheWorker::Refuse(Connection* connection, const HttpResponse& response) {
  connection->keep_alive = false;
  connection->is_head_request = false;
  connection->request_id.clear();
  state_->refused.fetch_add(1, std::memory_order_relaxed);
  state_->unsent_now.fetch_add(1);
  SendAnswer(connection, response);
}

// REQUIRES: nothing of an earlier answer is left to send.
void PistacheWorker::Send(Connection* connection, std::string_view head, std::string_view body) {
  iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                    {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = body.empty() ? 1 : 2;
  const ssize_t result = ::sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (result < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    End(connection);
    return;
  }
  const size_t sent = result < 0 ? 0 : static_cast<size_t>(result);
  if (sent == head.size() + body.size()) return;
  const size_t head_sent = std::min(sent, head.size());
  connection->output.assign(head.substr(head_sent)).append(body.substr(sent - head_sent));
  connection->output_sent = 0;
  connection->deadline_tick = tick_ + kStalledTicks;
  if (stalled_.empty()) {
    // The tick that is armed comes sooner.
    const itimerspec soon{{0, 0}, {0, kRetryMs * 1'000'000}};
    ::timerfd_settime(tick_fd_, 0, &soon, nullptr);
  }
  stalled_.push_back(connection->fd);
}

void PistacheWorker::Flush(Connection* connection) {
  const std::string_view rest = std::string_view(connection->output).substr(connection->output_sent);
  const ssize_t sent = ::send(connection->fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    End(connection);
    return;
  }
  if (sent > 0) {
    connection->output_sent += static_cast<size_t>(sent);
    connection->deadline_tick = tick_ + kStalledTicks;
  }
  if (connection->output_sent < connection->output.size()) {
    stalled_.push_back(connection->fd);
    return;
  }
  connection->output = std::string();
  connection->deadline_tick = tick_ + static_cast<uint64_t>(state_->options.request_seconds_max) + 1;
  AfterAnswer(connection);
}

// The answer is with the kernel: the next request's turn, or the end.
void PistacheWorker::AfterAnswer(Connection* connection) {
  state_->unsent_now.fetch_sub(1);
  if (connection->is_ours) return GoOnHalfClosed(connection);
  if (!connection->keep_alive) {
    // What the client still sends is read and thrown away, or closing would reset the connection and with it
    // the answer that is on its way.
    connection->is_discarding = true;
    connection->deadline_tick = tick_ + kLingerTicks;
    ::shutdown(connection->fd, SHUT_WR);
    return;
  }
  if (connection->input.empty()) return;
  const std::string input = std::exchange(connection->input, std::string());
  Advance(connection, input);
}

}  // namespace mom::rest
