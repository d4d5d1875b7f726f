#include "rest/pistache_worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "core/base/check.h"
#include "rest/problem.h"
#include "wal/this_thread.h"

namespace mom::rest {
namespace {

constexpr int kUserTimeoutMs = 5000;  // An answer that the client's kernel does not take for so long is lost.
constexpr int64_t kSecondMs = 1000;
constexpr size_t kDiscardBytesMax = 16u << 20;
constexpr size_t kReceiveBytes = 256u << 10;
constexpr size_t kWorthReceivingBytes = 1024;
constexpr size_t kRequestIdBytesMax = 128;
constexpr const char* kNudge = "nudge";  // Marks the peers that Nudge() makes.

// ThreadSanitizer does not see the function that calls into a library, but who calls that one.
[[gnu::noinline]] void Put(Pistache::Tcp::Peer* peer, const std::string& name,
                           const std::shared_ptr<void>& data) {
  peer->putData(name, data);
}

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Connection::Connection(PistacheWorker* owner, int descriptor, const WireLimits& limits)
    : worker(owner), fd(descriptor), reader(limits), hung_up(std::make_shared<std::atomic<bool>>(false)) {
  worker->state_->connections.fetch_add(1, std::memory_order_relaxed);
  worker->state_->connections_now.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  hung_up->store(true, std::memory_order_release);
  if (request_number != 0) worker->state_->aborted.fetch_add(1, std::memory_order_relaxed);
  if (request_number != 0 || !output.empty()) worker->state_->unsent_now.fetch_sub(1);
  worker->state_->connections_now.fetch_sub(1);
  if (is_ours) ::close(fd);
}

PistacheWorker::PistacheWorker(std::shared_ptr<ServerState> state)
    : state_(std::move(state)),
      mailbox_(std::make_shared<WorkerMailbox>(state_)),
      unused_parser_(std::make_shared<Pistache::Http::RequestParser>(0)),
      receive_buffer_(new char[kReceiveBytes]) {}

PistacheWorker::~PistacheWorker() {
  mailbox_->Close();
  if (tick_fd_ >= 0) ::close(tick_fd_);
  if (wake_fd_ >= 0) ::close(wake_fd_);  // Pistache leaves the descriptors of its last peers open.
}

Connection* PistacheWorker::Find(int fd) const {
  const auto index = static_cast<size_t>(fd);
  return index < connections_.size() ? connections_[index].get() : nullptr;
}

void PistacheWorker::OnConnection(Pistache::Tcp::Transport* transport,
                                  const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  PutParser(peer.get());
  const int fd = peer->fd();
  if (fd == wake_fd_ || peer->tryGetData(kNudge) != nullptr) return;
  if (transport_ == nullptr) {
    transport_ = transport;
    OpenWakeUps();
  }
  const auto& admits = state_->options.admits;
  if (state_->is_draining || (admits && !admits())) ::shutdown(fd, SHUT_RDWR);
  const int on = 1;
  const int timeout_ms = kUserTimeoutMs;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
  MOM_CHECK(fd < (1 << kFdBits), fd);
  auto connection = std::make_unique<Connection>(this, fd, state_->limits);
  connection->address = peer->address().host();
  connection->deadline_tick = tick_ + static_cast<uint64_t>(state_->options.request_seconds_max) + 1;
  const auto index = static_cast<size_t>(fd);
  if (connections_.size() <= index) connections_.resize(index * 2 + 64);
  connections_[index] = std::move(connection);
}

// A function of its own, so that tests/tsan.supp can name it: see there.
[[gnu::noinline]] void PistacheWorker::PutParser(Pistache::Tcp::Peer* peer) {
  Put(peer, Pistache::Http::Handler::ParserData, unused_parser_);
}

void PistacheWorker::Nudge() {
  Pistache::Tcp::Transport* transport = transport_;
  int fds[2];
  if (transport == nullptr || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
    return;
  ::close(fds[1]);
  const Pistache::Address nowhere("127.0.0.1", Pistache::Port(0));
  const auto peer = Pistache::Tcp::Peer::Create(fds[0], nowhere);
  Put(peer.get(), kNudge, std::make_shared<bool>(true));
  transport->handleNewPeer(peer);
}

// On the worker thread, since Pistache knows its worker threads only once they run.
void PistacheWorker::OpenWakeUps() {
  // Else a read waits for the log's and the view's threads when those have much to do.
  wal::TakeShortTurns();
  wake_fd_ = mailbox_->Open();
  const Pistache::Address nowhere("127.0.0.1", Pistache::Port(0));
  transport_.load()->handleNewPeer(Pistache::Tcp::Peer::Create(wake_fd_, nowhere));
  next_second_ns_ = NowNs() + kSecondMs * 1'000'000;
  ArmTick(kSecondMs);
  mailbox_->Wake();  // For answers and stops that came too early.
}

// Pistache forgets a timer once it has fired, after its continuation: the next one gets a new descriptor, and
// the old one is closed only then. The other way round both would have the same number, and Pistache would
// drop the new one.
void PistacheWorker::ArmTick(int64_t ms) {
  const int old_fd = tick_fd_;
  tick_fd_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  MOM_CHECK(tick_fd_ >= 0, errno);
  Pistache::Async::Promise<uint64_t> promise([&](Pistache::Async::Deferred<uint64_t> deferred) {
    transport_.load()->armTimer(tick_fd_, std::chrono::milliseconds(ms), std::move(deferred));
  });
  promise.then([this](uint64_t) { OnTick(); }, [](std::exception_ptr) {});
  if (old_fd >= 0) ::close(old_fd);
}

void PistacheWorker::OnTick() {
  std::vector<int> stalled = std::move(stalled_);
  stalled_.clear();
  for (const int fd : stalled) {
    Connection* connection = Find(fd);
    if (connection != nullptr && !connection->output.empty()) Flush(connection);
  }
  const int64_t now = NowNs();
  if (now >= next_second_ns_) {
    ++tick_;
    next_second_ns_ = now + kSecondMs * 1'000'000;
    for (const auto& connection : connections_)
      if (connection != nullptr && tick_ >= connection->deadline_tick) Sweep(connection.get());
    LookAtHalfClosed();
  }
  SendAnswers();
  const int64_t to_second = std::max<int64_t>(1, (next_second_ns_ - now) / 1'000'000 + 1);
  ArmTick(stalled_.empty() ? std::min(to_second, kSecondMs) : kRetryMs);
}

void PistacheWorker::Sweep(Connection* connection) {
  const bool is_silent = !connection->output.empty() || connection->is_discarding;
  if (connection->request_number != 0 && !is_silent) {
    connection->keep_alive = false;
    Answer(connection->request_number, Problem(503, "timeout", "no answer in time; the outcome is unknown"));
  } else if (!is_silent && !connection->reader.idle()) {
    Refuse(connection, Problem(408, "request-timeout", "the request did not arrive in time"));
  } else {
    End(connection);
  }
}

void PistacheWorker::OnInput(int fd, std::string_view bytes) {
  if (fd == wake_fd_) return OnWake();
  Connection* connection = Find(fd);
  if (connection == nullptr) return;
  if (connection->is_discarding) {
    connection->discarded_bytes += bytes.size();
    if (connection->discarded_bytes > kDiscardBytesMax) ::shutdown(fd, SHUT_RDWR);
    return;
  }
  const bool is_busy = connection->request_number != 0 || !connection->output.empty();
  if (is_busy) {
    connection->input.append(bytes);
    if (connection->input.size() > state_->limits.request_bytes_max) ::shutdown(fd, SHUT_RDWR);
    return;
  }
  Advance(connection, bytes);
  SendAnswers();
}

void PistacheWorker::OnDisconnection(int fd) {
  if (fd == wake_fd_) {
    wake_fd_ = -1;
    return;
  }
  Connection* connection = Find(fd);
  if (connection != nullptr && !KeepHalfClosed(connection)) connections_[static_cast<size_t>(fd)].reset();
  // Pistache answers nobody of its own accord here; should it ever, nothing for this descriptor may be left
  // in its queue when the number is given to the next client.
  if (transport_ != nullptr) transport_.load()->flush();
}

void PistacheWorker::OnWake() {
  mailbox_->TakeAnswers(&batch_);
  for (auto& [number, response] : batch_) Answer(number, std::move(response));
  batch_.clear();
  SendAnswers();
  if (!state_->is_draining) return;
  for (const auto& connection : connections_) {
    if (connection == nullptr) continue;
    const bool is_idle = connection->request_number == 0 && connection->output.empty();
    if (is_idle || state_->is_closing) End(connection.get());
  }
  DropEnded();
}

// REQUIRES: no request of the connection waits for its answer.
void PistacheWorker::Advance(Connection* connection, std::string_view bytes) {
  using State = RequestReader::State;
  if (connection->reader.idle())
    connection->deadline_tick = tick_ + static_cast<uint64_t>(state_->options.request_seconds_max) + 1;
  State state = State::kNeedMore;
  while (!bytes.empty() && state == State::kNeedMore) {
    size_t consumed = 0;
    state = connection->reader.Feed(bytes, &consumed);
    bytes.remove_prefix(consumed);
  }
  if (state == State::kNeedMore && connection->reader.body_bytes_missing() > 0) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (connection->reader
            .TakeExpectContinue())  // A hint: a client that misses it sends the body all the same.
      ::send(connection->fd, kContinue.data(), kContinue.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    state = ReceiveBody(connection);
  }
  if (state == State::kRefused) return Refuse(connection, connection->reader.refusal());
  if (state != State::kReady) return;
  connection->input.append(bytes);
  Dispatch(connection);
}

// Reads on by larger pieces than Pistache's 4 KiB, never beyond the body. End of stream and errors are left
// for Pistache, whose own read sees them next, and so is the frame of chunks, of which little is certain to
// come.
RequestReader::State PistacheWorker::ReceiveBody(Connection* connection) {
  RequestReader& reader = connection->reader;
  auto state = RequestReader::State::kNeedMore;
  while (state == RequestReader::State::kNeedMore) {
    const size_t wanted = std::min(kReceiveBytes, reader.body_bytes_missing());
    if (reader.is_chunked() && wanted < kWorthReceivingBytes) break;
    const ssize_t got = ::recv(connection->fd, receive_buffer_.get(), wanted, MSG_DONTWAIT);
    if (got <= 0) break;
    size_t consumed = 0;
    state = reader.Feed({receive_buffer_.get(), static_cast<size_t>(got)}, &consumed);
  }
  return state;
}

void PistacheWorker::Dispatch(Connection* connection) {
  HttpRequest request = connection->reader.TakeRequest();
  connection->keep_alive = connection->reader.keep_alive();
  connection->is_head_request = request.method == "HEAD";
  const std::string* id = request.FindHeader("x-request-id");
  connection->request_id.assign(id == nullptr ? std::string_view()
                                              : std::string_view(*id).substr(0, kRequestIdBytesMax));
  const uint64_t number = (++last_number_ << kFdBits) + static_cast<uint64_t>(connection->fd);
  connection->request_number = number;
  state_->unsent_now.fetch_add(1);
  if (state_->is_draining ||
      state_->waiting_now.load(std::memory_order_relaxed) >= state_->options.waiting_requests_max) {
    const bool is_draining = state_->is_draining;
    if (is_draining) connection->keep_alive = false;
    state_->refused.fetch_add(1, std::memory_order_relaxed);
    ready_.emplace_back(number, is_draining
                                    ? Problem(503, "stopping", "this node is stopping; ask another one")
                                    : Problem(503, "overloaded",
                                              std::to_string(state_->options.waiting_requests_max) +
                                                  " requests wait here for their answers, which is the "
                                                  "most; try again later or ask another node"));
    return;
  }
  request.peer = connection->address;
  request.hung_up = connection->hung_up;
  state_->requests.fetch_add(1, std::memory_order_relaxed);
  state_->waiting_now.fetch_add(1, std::memory_order_relaxed);
  mailbox_->set_answers_of_this_thread(&ready_);
  bool has_thrown = false;
  try {
    state_->handler(std::move(request), Responder(mailbox_, number));
  } catch (...) {
    has_thrown = true;  // Its text may hold anything: never shown.
  }
  mailbox_->set_answers_of_this_thread(nullptr);
  if (!has_thrown) return;
  std::erase_if(ready_, [number](const auto& answer) { return answer.first == number; });
  ready_.emplace_back(number, Problem(500, "internal", "internal error"));
}

}  // namespace mom::rest
