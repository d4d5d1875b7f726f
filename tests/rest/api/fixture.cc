#include "tests/rest/api/fixture.h"

#include <sodium.h>
#include <sstream>

#include <chrono>

namespace mom::rest {
namespace {

constexpr const char* kPassword = "correct horse";

class FakeSnapshot final : public replication::ViewSnapshot {
 public:
  FakeSnapshot(broker::MemoryView view, Offset end) : view_(std::move(view)), end_(end) {}
  const broker::ViewReader& reader() const override { return view_; }
  Offset applied_end() const override { return end_; }

 private:
  broker::MemoryView view_;
  Offset end_;
};

}  // namespace

broker::Applied FakeReplica::Apply(EntryKind kind, std::string payload) {
  Entry entry;
  entry.offset = end_;
  entry.epoch = Epoch{1};
  entry.timestamp = Timestamp{now_ms_};
  entry.kind = kind;
  entry.payload = std::make_shared<const std::string>(std::move(payload));
  broker::Applied applied = broker::Apply(view_, entry);
  view_.Write(applied.changes);
  end_ = applied.state.end;
  return applied;
}

void FakeReplica::Propose(v1::Command command, std::function<void(replication::Outcome)> done) {
  replication::Outcome outcome;
  if (!failure.ok()) {
    outcome.status = failure;
    return done(std::move(outcome));
  }
  broker::Applied applied;
  std::vector<std::function<void(bool)>> reached;
  {
    std::lock_guard lock(mutex_);
    outcome.offset = end_;
    outcome.epoch = Epoch{1};
    applied = Apply(EntryKind::kCommand, command.SerializeAsString());
    for (auto& [offset, waiter] : offset_waiters_)
      if (waiter && offset < end_.value) reached.push_back(std::exchange(waiter, nullptr));
  }
  outcome.reply = std::move(applied.reply);
  Tell(applied);
  for (auto& waiter : reached) waiter(true);
  done(std::move(outcome));
}

std::unique_ptr<replication::ViewSnapshot> FakeReplica::Snapshot() const {
  std::unique_ptr<FakeSnapshot> snapshot;
  {
    std::lock_guard lock(mutex_);
    ++snapshots_;
    snapshot = std::make_unique<FakeSnapshot>(view_, end_);
  }
  WasRead();
  return snapshot;
}

replication::LatestView::Record FakeReplica::LockedReader::Look(std::string_view key) const {
  Record record;
  {
    std::lock_guard lock(replica_->mutex_);
    record = Record{replica_->view_.Get(key), replica_->end_.value + 1, std::nullopt};
    const auto note = notes_.find({std::string(key), record.stamp});
    if (note != notes_.end()) record.note = note->second;
  }
  replica_->WasRead();
  return record;
}

void FakeReplica::LockedReader::Keep(std::string_view key, uint64_t stamp, Note note) const {
  std::lock_guard lock(replica_->mutex_);
  notes_[{std::string(key), stamp}] = note.number;
}

Offset FakeReplica::applied_end() const {
  std::lock_guard lock(mutex_);
  return end_;
}

// A short time-out counts as over at once.
void FakeReplica::WaitApplied(Offset offset, int64_t timeout_ms, std::function<void(bool)> done) {
  {
    std::lock_guard lock(mutex_);
    if (end_ <= offset && timeout_ms >= 1000) {
      offset_waiters_.emplace_back(offset.value, std::move(done));
      return;
    }
  }
  done(applied_end() > offset);
}

replication::ReplicaInfo FakeReplica::Info() const {
  replication::ReplicaInfo info = shape;
  if (info.role.empty()) info.role = "leader", info.leader_id = 1;
  if (info.role == "nobody") info.leader_id = 0;
  info.node_id = 1;
  info.cluster_id = "0123456789abcdef";
  info.epoch = Epoch{1};
  info.log_end = info.durable_end = info.high_watermark = info.applied_end = applied_end();
  return info;
}

Timestamp FakeReplica::Now() const {
  std::lock_guard lock(mutex_);
  return Timestamp{now_ms_};
}

void FakeReplica::Advance(int64_t ms) {
  broker::Applied applied;
  {
    std::lock_guard lock(mutex_);
    now_ms_ += ms;
    applied = Apply(EntryKind::kClock, "");
  }
  Tell(applied);
}

void FakeReplica::Tell(const broker::Applied& applied) const {
  if (!applied.woken.empty() || !applied.revoked.empty()) listener_(applied.woken, applied.revoked);
}

void FakeReplica::Install(const FakeReplica& other) {
  {
    std::scoped_lock lock(mutex_, other.mutex_);
    view_ = other.view_;
    end_ = other.end_;
    now_ms_ = other.now_ms_;
  }
  TellUpheaval();
}

void FakeReplica::WasRead() const {
  if (on_read) on_read();
}

std::vector<std::string> Answer::Fields(const std::string& name) const {
  std::vector<std::string> values;
  const std::string key = "\"" + name + "\":";
  for (size_t at = body.find(key); at != std::string::npos; at = body.find(key, at)) {
    at += key.size();
    const bool is_text = at < body.size() && body[at] == '"';
    const size_t begin = is_text ? at + 1 : at;
    const size_t end = is_text ? body.find('"', begin) : body.find_first_of(",}]", begin);
    values.push_back(body.substr(begin, end - begin));
  }
  return values;
}

std::string Answer::Field(const std::string& name) const {
  const auto values = Fields(name);
  return values.empty() ? "" : values.front();
}

void PendingAnswer::Complete(uint64_t, HttpResponse response) {
  std::lock_guard lock(mutex_);
  EXPECT_FALSE(done_) << "answered twice";
  done_ = true;
  answer_.status = response.status;
  answer_.body = std::move(response.body);
  for (auto& [name, value] : response.headers) answer_.headers[name] = value;
  std::istringstream lines(response.header_lines);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos || line.back() != '\r') continue;
    answer_.headers[line.substr(0, colon)] = line.substr(colon + 2, line.size() - colon - 3);
  }
  wake_.notify_all();
}

Answer PendingAnswer::Wait() {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(wake_.wait_for(lock, std::chrono::seconds(30), [this] { return done_; })) << "no answer";
  return answer_;
}

bool PendingAnswer::IsDone() const {
  std::lock_guard lock(mutex_);
  return done_;
}

ApiOptions ApiTest::CheapOptions() {
  ApiOptions options;
  options.password_cost = PasswordCost{1, 8192};
  return options;
}

ApiTest::ApiTest() {
  Restart(CheapOptions());
}

ApiTest::~ApiTest() {
  api_->Stop();
}

void ApiTest::Restart(ApiOptions options) {
  api_.reset();
  api_ = std::make_unique<Api>(&replica_, std::move(options));
}

std::shared_ptr<PendingAnswer> ApiTest::Start(const std::string& token, const std::string& method,
                                              const std::string& target, std::string body, Headers headers) {
  HttpRequest request;
  request.method = method;
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  request.headers = std::move(headers);
  if (!token.empty()) request.headers.emplace_back("authorization", "Bearer " + token);
  request.body = std::move(body);
  request.peer = peer_;
  request.hung_up = hung_up_;
  auto pending = std::make_shared<PendingAnswer>();
  api_->handler()(std::move(request), Responder(pending, 1));
  return pending;
}

Answer ApiTest::Ask(const std::string& token, const std::string& method, const std::string& target,
                    std::string body, Headers headers) {
  return Start(token, method, target, std::move(body), std::move(headers))->Wait();
}

std::string ApiTest::MakeUser(const std::string& name) {
  const std::string body = "{\"name\":\"" + name + "\",\"password\":\"" + kPassword + "\"}";
  EXPECT_EQ(Ask("", "POST", "/v1/users", body).status, 201);
  return Connect(name);
}

std::string ApiTest::Connect(const std::string& name) {
  const Answer answer =
      Ask("", "POST", "/v1/sessions", "{\"name\":\"" + name + "\",\"password\":\"" + kPassword + "\"}");
  EXPECT_EQ(answer.status, 201) << answer.body;
  return answer.Field("token");
}

std::string ApiTest::MakeAdmin() {
  EXPECT_GE(sodium_init(), 0);
  char hash[crypto_pwhash_STRBYTES];
  EXPECT_EQ(crypto_pwhash_str(hash, kPassword, std::string(kPassword).size(), 1, 8192), 0);
  v1::Command command;
  command.mutable_create_user()->set_name("admin");
  command.mutable_create_user()->set_password_hash(hash);
  command.mutable_create_user()->set_admin(true);
  replica_.Propose(command,
                   [](replication::Outcome outcome) { EXPECT_EQ(outcome.reply.error(), v1::ERROR_NONE); });
  return Connect("admin");
}

void ApiTest::MakeQueue(const std::string& token, const std::string& name, const std::string& members) {
  const std::string more = members.empty() ? "" : "," + members;
  const Answer answer = Ask(token, "POST", "/v1/queues", "{\"name\":\"" + name + "\"" + more + "}");
  EXPECT_EQ(answer.status, 201) << answer.body;
}

}  // namespace mom::rest
