// What one Pistache worker thread knows: its connections, and the answers that other threads left for it.
//
// Pistache 0.0.5 hands an answer to whoever owns the descriptor's number by then, and crashes when a foreign
// thread answers a peer that is gone (docs: architecture, REST). So here every byte is sent by the worker
// thread itself, straight to a connection that it knows to be alive and to be waiting for exactly that
// request; Pistache's queue of writes stays empty. Other threads only put (number, answer) into the
// WorkerMailbox and write one byte to a socket that the worker's epoll watches like any client.
#pragma once

#include <pistache/http.h>
#include <pistache/peer.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rest/http_port.h"
#include "rest/http_wire.h"

namespace mom::rest {

inline constexpr int64_t kRetryMs = 5;        // Between two tries to send to a full socket.
inline constexpr uint64_t kStalledTicks = 6;  // No byte taken for so long: the client does not read.
inline constexpr uint64_t kLingerTicks = 3;   // For a refused client to read why and close.
// A request number is (count << kFdBits) + descriptor, so that finding its connection needs no map.
inline constexpr unsigned kFdBits = 24;

// Shared by the server and its workers.
struct ServerState {
  HttpServerOptions options;
  HttpHandler handler;
  WireLimits limits;
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> answers{0};
  std::atomic<uint64_t> aborted{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> connections{0};
  std::atomic<uint32_t> connections_now{0};
  std::atomic<uint32_t> waiting_now{0};
  std::atomic<uint32_t> unsent_now{0};   // Connections with an answer to come or not fully sent.
  std::atomic<bool> is_draining{false};  // No new requests; idle connections close.
  std::atomic<bool> is_closing{false};   // All connections close.
};

// Answers on their way to one worker, from any thread. Outlives the worker: a Responder holds it.
class WorkerMailbox : public Responder::Sink {
 public:
  using Answers = std::vector<std::pair<uint64_t, HttpResponse>>;

  explicit WorkerMailbox(std::shared_ptr<ServerState> state) : state_(std::move(state)) {}
  ~WorkerMailbox() override;

  void Complete(uint64_t request_number, HttpResponse response) override;
  void CompleteAll(Answers* answers) override;
  // Makes the worker run OnWake() soon. Harmless before the worker opened its end, and after it closed it.
  void Wake();

  // For the worker thread: makes the socket pair and returns the end to watch.
  int Open();
  void Close();
  // Swaps the answers that wait with `*answers`, which must be empty.
  void TakeAnswers(Answers* answers);
  // While set, answers given by this thread go to *answers instead: no lock, no wake-up.
  void set_answers_of_this_thread(Answers* answers);

 private:
  void SendWakeUp();

  const std::shared_ptr<ServerState> state_;
  std::mutex mutex_;  // Guards the next three.
  Answers answers_;
  bool is_open_ = false;
  bool is_woken_ = false;  // A byte is on its way, or about to be.
  std::mutex wake_mutex_;
  int wake_fd_ = -1;  // Guarded by wake_mutex_.
};

// One client, from Pistache's onConnection to its onDisconnection. Not owned by the Pistache peer: the
// accepting thread may be the last to let go of that one, and must not end a connection of the worker's.
struct Connection {
  Connection(class PistacheWorker* owner, int descriptor, const WireLimits& limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  class PistacheWorker* const worker;
  int fd;
  bool is_ours = false;   // The client has sent its last byte, and `fd` is closed with this object.
  bool is_ended = false;  // Shut down; of those that are ours, to be dropped.
  std::string address;
  RequestReader reader;
  std::string input;            // Bytes behind the request that is being answered.
  std::string output;           // Not yet taken by the socket.
  size_t output_sent = 0;       // Of `output`.
  uint64_t request_number = 0;  // Waiting for its answer; 0 when none is.
  std::string request_id;       // X-Request-Id of that request.
  bool is_head_request = false;
  bool keep_alive = true;
  bool is_discarding = false;  // Refused: what still comes in is thrown away until the client closes.
  size_t discarded_bytes = 0;
  uint64_t deadline_tick = 0;  // Closed by the sweep of this tick.
  std::shared_ptr<std::atomic<bool>> hung_up;
};

// Used by its own worker thread only. Made on the thread that starts the server.
class PistacheWorker {
 public:
  explicit PistacheWorker(std::shared_ptr<ServerState> state);
  ~PistacheWorker();

  void OnConnection(Pistache::Tcp::Transport* transport, const std::shared_ptr<Pistache::Tcp::Peer>& peer);
  void OnInput(int fd, std::string_view bytes);
  void OnDisconnection(int fd);
  WorkerMailbox& mailbox() { return *mailbox_; }

  // From any thread but the worker's. Pistache's queue of new connections can lose a wake-up, and with it a
  // connection until the next one comes: this sends one through the queue that ends at once.
  void Nudge();

 private:
  friend struct Connection;

  void PutParser(Pistache::Tcp::Peer* peer);
  void OpenWakeUps();
  void OnWake();
  void OnTick();
  void ArmTick(int64_t ms);
  void Advance(Connection* connection, std::string_view bytes);
  RequestReader::State ReceiveBody(Connection* connection);
  void Dispatch(Connection* connection);
  void SendAnswers();
  void Answer(uint64_t request_number, HttpResponse response);
  void SendAnswer(Connection* connection, const HttpResponse& response);
  void Refuse(Connection* connection, const HttpResponse& response);
  void Send(Connection* connection, std::string_view head, std::string_view body);
  void Flush(Connection* connection);
  void AfterAnswer(Connection* connection);
  void Sweep(Connection* connection);
  void End(Connection* connection);
  std::string_view DateOfNow();
  // In pistache_half_closed.cc.
  bool KeepHalfClosed(Connection* connection);
  Connection* FindHalfClosed(uint64_t request_number);
  void GoOnHalfClosed(Connection* connection);
  void LookAtHalfClosed();
  void DropEnded();
  Connection* Find(int fd) const;

  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<WorkerMailbox> mailbox_;
  std::atomic<Pistache::Tcp::Transport*> transport_{nullptr};  // Set once, by the worker.
  std::shared_ptr<void> unused_parser_;                        // Pistache wants one in every peer.
  std::vector<std::unique_ptr<Connection>> connections_;       // By descriptor; owned.
  int wake_fd_ = -1;
  int tick_fd_ = -1;
  uint64_t tick_ = 0;  // Seconds, about.
  int64_t next_second_ns_ = 0;
  std::vector<int> stalled_;                                // Descriptors of connections with output.
  std::vector<int> half_closed_;                            // Descriptors of connections that are ours.
  std::unordered_map<uint64_t, int> half_closed_requests_;  // Those of them that waited when they became so.
  uint64_t last_number_ = 0;
  WorkerMailbox::Answers ready_;  // Given inside the handler.
  WorkerMailbox::Answers batch_;  // Taken from the mailbox.
  std::string head_;              // Reused for every answer.
  int64_t date_second_ = 0;       // Since 1970.
  std::string date_line_;         // Of that second.
  std::unique_ptr<char[]> receive_buffer_;
};

}  // namespace mom::rest
