// Clients that have sent all that they will send, and wait for their answers: shutdown(SHUT_WR), as "nc -N"
// does.
//
// Pistache ends a connection when it reads the end of its stream. One that still waits for an answer is then
// kept under a descriptor of the worker's own, outside of Pistache: nothing is read from it any more, and
// when its last answer is sent, or the client is found to be gone, the worker closes it. A client that closed
// its socket altogether looks the same until something is sent to it (docs/adr/0028-half-closed-clients.md).
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "rest/pistache_worker.h"

namespace mom::rest {
namespace {

// Reset by the client, or shut down by ourselves: nobody reads an answer.
bool IsGone(int fd) {
  pollfd look{fd, 0, 0};
  return ::poll(&look, 1, 0) != 0;  // POLLERR and POLLHUP are always told.
}

}  // namespace

// In Pistache's onDisconnection, which closes the descriptor afterwards. False: there is nothing to wait for.
bool PistacheWorker::KeepHalfClosed(Connection* connection) {
  const bool waits = connection->request_number != 0 || !connection->output.empty();
  if (!waits || connection->is_discarding || state_->is_closing || IsGone(connection->fd)) return false;
  const int old_fd = connection->fd;
  const int fd = ::fcntl(old_fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0 || fd >= (1 << kFdBits)) {
    if (fd >= 0) ::close(fd);
    return false;
  }
  connection->fd = fd;
  connection->is_ours = true;
  half_closed_.push_back(fd);
  if (connection->request_number != 0) half_closed_requests_[connection->request_number] = fd;
  std::replace(stalled_.begin(), stalled_.end(), old_fd, fd);
  const auto index = static_cast<size_t>(fd);
  if (connections_.size() <= index) connections_.resize(index * 2 + 64);
  connections_[index] = std::move(connections_[static_cast<size_t>(old_fd)]);
  return true;
}

// The number of the request names the descriptor that the connection had then.
Connection* PistacheWorker::FindHalfClosed(uint64_t request_number) {
  const auto found = half_closed_requests_.find(request_number);
  if (found == half_closed_requests_.end()) return nullptr;
  const int fd = found->second;
  half_closed_requests_.erase(found);
  return Find(fd);
}

// An answer is with the kernel: the next of the requests that came before the end of the stream, or the end.
void PistacheWorker::GoOnHalfClosed(Connection* connection) {
  const std::string input = std::exchange(connection->input, std::string());
  if (connection->keep_alive && !input.empty()) Advance(connection, input);
  if (connection->request_number == 0 && connection->output.empty()) End(connection);
}

void PistacheWorker::LookAtHalfClosed() {
  for (const int fd : half_closed_) {
    if (IsGone(fd)) End(Find(fd));
  }
}

// Its owner, Pistache or DropEnded(), takes it away soon.
void PistacheWorker::End(Connection* connection) {
  ::shutdown(connection->fd, SHUT_RDWR);  // Pistache's next read ends the connection.
  connection->is_ended = true;
}

void PistacheWorker::DropEnded() {
  if (half_closed_.empty()) return;
  std::erase_if(half_closed_, [this](int fd) {
    auto& connection = connections_[static_cast<size_t>(fd)];
    if (!connection->is_ended) return false;
    half_closed_requests_.erase(connection->request_number);
    connection.reset();
    return true;
  });
}

}  // namespace mom::rest
