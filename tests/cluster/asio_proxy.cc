#include "tests/cluster/asio_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <list>
#include <string>

#include "core/base/check.h"

namespace mom::cluster {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Error = boost::system::error_code;

constexpr auto kTick = std::chrono::milliseconds(2);
constexpr size_t kHeldBytesMax = 1 << 20;  // Of one direction; then it is read no further.

// What happens to bytes of one node to another.
struct LinkFaults {
  std::atomic<bool> cut{false};
  std::atomic<uint32_t> delay_ms{0};
  std::atomic<uint32_t> bytes_per_second{0};  // 0: no limit.
  std::atomic<uint64_t> touched{0};
};

struct Chunk {
  Clock::time_point due;
  std::string bytes;
};

// One direction of a connection.
struct Pipe {
  Pipe(tcp::socket* source, tcp::socket* target, LinkFaults* link_faults)
      : in(source), out(target), faults(link_faults) {}

  tcp::socket* const in;
  tcp::socket* const out;
  LinkFaults* const faults;
  std::deque<Chunk> held;
  size_t held_bytes = 0;
  double allowance = 0;  // Bytes that may drip now.
  bool reading = false, writing = false, ended = false;
  std::array<char, 16 << 10> buffer;
};

struct Connection : std::enable_shared_from_this<Connection> {
  Connection(asio::io_context* io, uint32_t from_node, uint32_t to_node, LinkFaults* forward,
             LinkFaults* back)
      : from(from_node),
        to(to_node),
        client(*io),
        server(*io),
        there(&client, &server, forward),
        back_again(&server, &client, back) {}

  const uint32_t from, to;
  tcp::socket client, server;
  Pipe there, back_again;
  bool closed = false;
};
using ConnectionPtr = std::shared_ptr<Connection>;

void Reuse(tcp::socket* socket) {
  Error ignored;
  socket->set_option(tcp::no_delay(true), ignored);
}

}  // namespace

class Proxy::Impl {
 public:
  explicit Impl(std::vector<ProxiedNode> nodes)
      : nodes_(std::move(nodes)), faults_(nodes_.size() * nodes_.size()), ticker_(io_) {
    for (uint32_t from = 1; from <= nodes_.size(); ++from) {
      for (uint32_t to = 1; to <= nodes_.size(); ++to) {
        if (from != to) Listen(from, to);
      }
    }
    Tick();
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

  void HideEnds(bool hide) { hides_ends_ = hide; }
  uint64_t hidden() const { return hidden_; }

  LinkFaults& Faults(uint32_t from, uint32_t to) { return faults_[(from - 1) * nodes_.size() + to - 1]; }
  std::vector<LinkFaults>& faults() { return faults_; }

  size_t Reset(uint32_t a, uint32_t b) {
    std::promise<size_t> count;
    asio::post(io_, [this, a, b, &count] {
      size_t ended = 0;
      for (const ConnectionPtr& connection : connections_) {
        const bool is_between =
            (connection->from == a && connection->to == b) || (connection->from == b && connection->to == a);
        if (!is_between || connection->closed) continue;
        Close(*connection, true);
        ++ended;
      }
      count.set_value(ended);
    });
    return count.get_future().get();
  }

 private:
  struct Listener {
    explicit Listener(asio::io_context* io) : acceptor(*io) {}
    tcp::acceptor acceptor;
    uint32_t from = 0, to = 0;
  };

  void Listen(uint32_t from, uint32_t to) {
    const int fd = SocketIn(nodes_[from - 1].space.get());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(nodes_[to - 1].port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    MOM_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(fd, 64) == 0);
    Listener& listener = listeners_.emplace_back(&io_);
    listener.from = from;
    listener.to = to;
    listener.acceptor.assign(tcp::v4(), fd);
    Accept(&listener);
  }

  void Accept(Listener* listener) {
    auto connection = std::make_shared<Connection>(&io_, listener->from, listener->to,
                                                   &Faults(listener->from, listener->to),
                                                   &Faults(listener->to, listener->from));
    listener->acceptor.async_accept(connection->client, [this, listener, connection](const Error& error) {
      if (!error) Connect(connection);
      Accept(listener);
    });
  }

  void Connect(const ConnectionPtr& connection) {
    const ProxiedNode& target = nodes_[connection->to - 1];
    connections_.push_back(connection);
    connection->server.assign(tcp::v4(), SocketIn(target.space.get()));
    connection->server.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), target.port),
                                     [this, connection](const Error& error) {
                                       if (error) return Close(*connection, true);
                                       Reuse(&connection->client);
                                       Reuse(&connection->server);
                                       Read(connection, &connection->there);
                                       Read(connection, &connection->back_again);
                                     });
  }

  void Read(const ConnectionPtr& connection, Pipe* pipe) {
    if (pipe->reading || pipe->ended || connection->closed || pipe->held_bytes >= kHeldBytesMax) return;
    pipe->reading = true;
    pipe->in->async_read_some(asio::buffer(pipe->buffer),
                              [this, connection, pipe](const Error& error, size_t bytes) {
                                pipe->reading = false;
                                if (error) {
                                  pipe->ended = true;
                                } else {
                                  Hold(pipe, bytes);
                                }
                                Write(connection, pipe);
                                Read(connection, pipe);
                              });
  }

  static void Hold(Pipe* pipe, size_t bytes) {
    const LinkFaults& faults = *pipe->faults;
    if (faults.cut || faults.delay_ms > 0 || faults.bytes_per_second > 0) ++pipe->faults->touched;
    pipe->held.push_back(
        {Clock::now() + std::chrono::milliseconds(faults.delay_ms), std::string(pipe->buffer.data(), bytes)});
    pipe->held_bytes += bytes;
  }

  // How much of the first piece may go now.
  static size_t Allowed(const Pipe& pipe) {
    if (pipe.faults->cut || pipe.held.empty() || pipe.held.front().due > Clock::now()) return 0;
    const size_t size = pipe.held.front().bytes.size();
    if (pipe.faults->bytes_per_second == 0) return size;
    return std::min(size, static_cast<size_t>(pipe.allowance));
  }

  void Write(const ConnectionPtr& connection, Pipe* pipe) {
    if (pipe->writing || connection->closed) return;
    // What was sent before an end still arrives, and a cut hides the end as well.
    if (pipe->held.empty() && pipe->ended && !pipe->faults->cut && !hides_ends_)
      return Close(*connection, false);
    const size_t allowed = Allowed(*pipe);
    if (allowed == 0) return;
    pipe->writing = true;
    pipe->out->async_write_some(asio::buffer(pipe->held.front().bytes.data(), allowed),
                                [this, connection, pipe](const Error& error, size_t bytes) {
                                  pipe->writing = false;
                                  if (error) return Lose(connection, pipe);
                                  pipe->allowance -= static_cast<double>(bytes);
                                  pipe->held_bytes -= bytes;
                                  pipe->held.front().bytes.erase(0, bytes);
                                  if (pipe->held.front().bytes.empty()) pipe->held.pop_front();
                                  Write(connection, pipe);
                                  Read(connection, pipe);
                                });
  }

  // Nobody takes it any more.
  void Lose(const ConnectionPtr& connection, Pipe* pipe) {
    if (!hides_ends_) return Close(*connection, true);
    ++hidden_;
    pipe->held.clear();
    pipe->held_bytes = 0;
    Read(connection, pipe);
  }

  void Close(Connection& connection, bool reset) {
    if (connection.closed) return;
    connection.closed = true;
    for (tcp::socket* socket : {&connection.client, &connection.server}) {
      Error ignored;
      if (reset) socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }

  // Goes on with what faults held back.
  void Tick() {
    for (auto at = connections_.begin(); at != connections_.end();) {
      if ((*at)->closed) {
        at = connections_.erase(at);
        continue;
      }
      for (Pipe* pipe : {&(*at)->there, &(*at)->back_again}) {
        const double rate = pipe->faults->bytes_per_second;
        pipe->allowance = std::min(rate / 10, std::max(pipe->allowance, 0.0) + rate * 0.002);
        Write(*at, pipe);
      }
      ++at;
    }
    ticker_.expires_after(kTick);
    ticker_.async_wait([this](const Error& error) {
      if (!error) Tick();
    });
  }

  const std::vector<ProxiedNode> nodes_;
  std::vector<LinkFaults> faults_;
  std::atomic<bool> hides_ends_{false};
  std::atomic<uint64_t> hidden_{0};  // Pieces that were lost that way.
  asio::io_context io_;
  asio::steady_timer ticker_;
  std::list<Listener> listeners_;
  std::list<ConnectionPtr> connections_;
  std::thread thread_;
};

Proxy::Proxy(std::vector<ProxiedNode> nodes) : impl_(std::make_unique<Impl>(std::move(nodes))) {}
Proxy::~Proxy() = default;

void Proxy::Cut(uint32_t from, uint32_t to) {
  impl_->Faults(from, to).cut = true;
}

void Proxy::Delay(uint32_t from, uint32_t to, uint32_t ms) {
  impl_->Faults(from, to).delay_ms = ms;
}

void Proxy::Drip(uint32_t from, uint32_t to, uint32_t bytes_per_second) {
  impl_->Faults(from, to).bytes_per_second = bytes_per_second;
}

void Proxy::HideEnds(bool hide) {
  impl_->HideEnds(hide);
}

size_t Proxy::Reset(uint32_t a, uint32_t b) {
  return impl_->Reset(a, b);
}

void Proxy::Heal() {
  for (LinkFaults& faults : impl_->faults()) {
    faults.cut = false;
    faults.delay_ms = 0;
    faults.bytes_per_second = 0;
  }
}

uint64_t Proxy::touched() const {
  uint64_t touched = impl_->hidden();
  for (const LinkFaults& faults : impl_->faults()) touched += faults.touched;
  return touched;
}

}  // namespace mom::cluster
