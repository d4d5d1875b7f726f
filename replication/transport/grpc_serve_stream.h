// ServeStream: the leader's end of one fetch stream.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/entry.h"
#include "core/quorum/messages.h"
#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/grpc_call.h"

namespace mom::replication {

class ServeStream;

// The streams that are served, by who opened them. A stream is in here from its first message until it ends
// or is told to. Thread-safe.
class ServedStreams {
 public:
  using Key = std::pair<NodeId, quorum::SessionId>;
  // False: there is one already, or there are `streams_max`.
  bool Add(const Key& key, const std::shared_ptr<ServeStream>& stream, size_t streams_max);
  // Null: no longer there.
  std::shared_ptr<ServeStream> Find(const Key& key);
  void Remove(const Key& key);

 private:
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<ServeStream>> streams_;  // Guarded by mutex_.
};

// Thread-safe. Handler calls are made without a lock held, one after the other for what arrives.
class ServeStream final : public GrpcCall, public std::enable_shared_from_this<ServeStream> {
 public:
  // `accepted` is called when somebody opens this stream: time to make the next one.
  ServeStream(GrpcWorld* world, ServedStreams* streams, std::function<void()> accepted)
      : world_(world), streams_(streams), accepted_then_(std::move(accepted)) {}

  void Accept(v1::Peer::AsyncService* service);
  // REQUIRES: the one before was sent (OnFrameSent).
  void SendFrame(const quorum::Message& reply, const std::vector<Entry>& entries);
  void SendLast(const quorum::Message& reply);
  // Ends it, unless it ends by itself behind a last message.
  void Close();
  void Cancel() override;

 private:
  void OnAccepted(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool) {}
  // What the message asks for; not ok: the stream must end.
  grpc::Status Take(const quorum::Message& message);
  void End(const grpc::Status& status, bool is_quiet);
  void FinishLocked(const grpc::Status& status);
  void WriteLastLocked(const v1::FetchDown& last);

  GrpcWorld* const world_;
  ServedStreams* const streams_;
  const std::function<void()> accepted_then_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::FetchDown, v1::FetchUp> stream_{&context_};
  v1::FetchUp up_;  // Of the one read at a time.
  MemberTag<ServeStream> accept_tag_{&ServeStream::OnAccepted};
  MemberTag<ServeStream> read_tag_{&ServeStream::OnRead};
  MemberTag<ServeStream> write_tag_{&ServeStream::OnWritten};
  MemberTag<ServeStream> finish_tag_{&ServeStream::OnFinished};

  std::mutex mutex_;  // Guards all below.
  bool is_accepted_ = false;
  bool is_cancelled_ = false;
  bool is_writing_ = false;
  bool has_ended_ = false;             // Takes no messages any more; finishes once nothing is being written.
  std::optional<v1::FetchDown> last_;  // Waits for the frame before it.
  std::optional<quorum::Identity> from_;  // Set with the first message.
  quorum::SessionId session_;
  grpc::Status end_status_;
  Offset sent_end_;  // Of the frame that is being written.
  uint64_t sent_bytes_ = 0;
};

}  // namespace mom::replication
