#include "rest/api.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <set>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "rest/api_call.h"
#include "rest/api_routes.h"
#include "rest/not_done.h"
#include "rest/session_token.h"

namespace mom::rest {
namespace {

// All routes; the position is the id in the route table and in the metrics.
const std::vector<Route>& AllRoutes() {
  static const std::vector<Route> routes = [] {
    std::vector<Route> all;
    for (const auto& part :
         {UserRoutes(), SessionRoutes(), QueueRoutes(), MessageRoutes(), ReceiveRoutes(), PeekRoutes(),
          TopicRoutes(), TransactionRoutes(), OperationRoutes(), ClusterRoutes()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return routes;
}

const RouteTable& Table() {
  static const RouteTable table([] {
    std::vector<RouteSpec> specs;
    for (const Route& route : AllRoutes())
      specs.push_back(RouteSpec{route.method, route.pattern, static_cast<int>(specs.size())});
    return specs;
  }());
  return table;
}

const std::string& AllMethods() {
  static const std::string methods = [] {
    std::string all = "HEAD, OPTIONS";
    std::set<std::string> seen;
    for (const Route& route : AllRoutes())
      if (seen.insert(route.method).second) all.append(", ").append(route.method);
    return all;
  }();
  return methods;
}

constexpr size_t kKeyCharsMax = 128;
constexpr int64_t kBarrierMs = 2000;

bool IsPrintable(std::string_view text) {
  for (char c : text)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}

}  // namespace

// Takes a request through what all routes have in common, to its handler.
class Dispatcher {
 public:
  static void Run(const CallPtr& call) {
    if (call->services().stopping) {
      HttpResponse refusal = Problem(503, "stopping", "this node is stopping; ask another one or try again");
      MarkNotDone(call->request(), &refusal);
      return call->Send(std::move(refusal));
    }
    const Route* route = FindRoute(*call);
    if (route == nullptr || !CheckBody(*call, *route) || !ReadKey(*call)) return;
    WaitForOffset(call, *route);
  }

 private:
  // What may be asked of a resource, or of the node as a whole.
  static void SendOptions(Call& call, const std::string& allow) {
    call.Send(HttpResponse{204, {{"Allow", allow}}, {}});
  }

  static const Route* FindRoute(Call& call) {
    const bool asks_options = call.request_.method == "OPTIONS";
    if (asks_options && call.request_.path == "*") {
      SendOptions(call, AllMethods());
      return nullptr;
    }
    call.match_ = Table().Match(call.request_.method, call.request_.path);
    const RouteMatch& match = call.match_;
    if (match.status == 200) {
      call.route_ = static_cast<size_t>(match.id);
      return &AllRoutes()[call.route_];
    }
    if (match.status == 400) {
      call.SendProblem(400, "malformed-path", match.detail);
    } else if (match.status == 405 && asks_options) {
      SendOptions(call, match.allow + ", OPTIONS");
    } else if (match.status == 405) {
      const std::string allow = match.allow + ", OPTIONS";
      HttpResponse response = Problem(405, "method-not-allowed", "this resource takes " + allow);
      response.headers.emplace_back("Allow", allow);
      call.Send(std::move(response));
    } else {
      call.SendProblem(404, "no-such-resource", "there is nothing at this path; see /openapi.json");
    }
    return nullptr;
  }

  static bool CheckBody(Call& call, const Route& route) {
    const size_t bytes_max =
        route.body == BodyKind::kBatch ? call.options().batch_bytes_max : call.options().message_bytes_max;
    call.body_bytes_max_ = bytes_max;
    if (call.request_.body.size() > bytes_max) {
      call.SendProblem(413, "too-large", "the body is larger than " + std::to_string(bytes_max) + " bytes");
      return false;
    }
    return route.has_query || call.ParseQuery({}).has_value();
  }

  static bool ReadKey(Call& call) {
    const std::string* key = call.request_.FindHeader("idempotency-key");
    if (key == nullptr) return true;
    if (key->empty() || key->size() > kKeyCharsMax || !IsPrintable(*key)) {
      call.SendProblem(400, "invalid-header", "Idempotency-Key must be 1 to 128 printable ASCII characters");
      return false;
    }
    call.key_ = *key;
    return true;
  }

  // Waits for the view first: the session may be as new as what the caller wants to read.
  static void WaitForOffset(const CallPtr& call, const Route& route) {
    const std::string* consistency = call->request_.FindHeader("mom-consistency");
    const std::string* min_offset = call->request_.FindHeader("mom-min-offset");
    const bool is_linearizable = consistency != nullptr && *consistency == "linearizable";
    if (consistency != nullptr && !is_linearizable && *consistency != "local") {
      call->SendProblem(400, "invalid-header", "Mom-Consistency must be local or linearizable");
      return;
    }
    uint64_t wait_end = 0;  // The view must hold everything below.
    if (min_offset != nullptr) {
      const char* end = min_offset->data() + min_offset->size();
      const auto [read_to, fault] = std::from_chars(min_offset->data(), end, wait_end);
      if (fault != std::errc() || read_to != end || wait_end == UINT64_MAX) {
        call->SendProblem(400, "invalid-header", "Mom-Min-Offset must be an offset");
        return;
      }
      ++wait_end;
    }
    // A password that was changed, or a user that was made, through another node a moment ago counts here,
    // too.
    const bool is_fresh = route.reads_credentials && call->services().replica->Role() != "leader";
    if (is_linearizable || is_fresh) return AskLeader(call, route, wait_end, is_linearizable);
    WaitApplied(call, route, wait_end);
  }

  // Waits for what is committed now, wherever. Without `required` a node that cannot ask goes on with what it
  // has.
  static void AskLeader(const CallPtr& call, const Route& route, uint64_t wait_end, bool required) {
    if (!CountWait(*call)) return;
    call->services().replica->ReadBarrier(
        kBarrierMs, [call, &route, wait_end, required](Result<Offset> committed) {
          call->services().offset_waits.fetch_sub(1);
          if (!committed.ok() && required) {
            return call->SendProblem(503, "no-leader", "no leader answers now; try again, or read locally");
          }
          if (!committed.ok() && call->looked_again_) {
            return call->SendProblem(
                503, "no-leader", "this node does not know the session and no leader answers now; try again");
          }
          WaitApplied(call, route, std::max(wait_end, committed.ok() ? committed->value : 0));
        });
  }

  // Until the view holds everything below `end`.
  static void WaitApplied(const CallPtr& call, const Route& route, uint64_t end) {
    Services& services = call->services();
    if (end <= services.replica->applied_end().value) return Authenticate(call, route);
    if (!CountWait(*call)) return;
    services.replica->WaitApplied(
        Offset{end - 1}, services.options.offset_wait_ms, [call, &route](bool applied) {
          call->services().offset_waits.fetch_sub(1);
          if (applied) return Authenticate(call, route);
          call->SendProblem(504, "min-offset-not-reached",
                            "this node has not applied that offset in time; try again");
        });
  }

  static bool CountWait(Call& call) {
    Services& services = call.services();
    if (services.offset_waits.fetch_add(1) < services.options.offset_waits_max) return true;
    services.offset_waits.fetch_sub(1);
    call.SendProblem(503, "overloaded", "too many requests wait for an offset; try again later");
    return false;
  }

  static void Authenticate(const CallPtr& call, const Route& route) {
    call->read_end_ = call->services().replica->applied_end();
    const std::string* header = call->request_.FindHeader("authorization");
    if (route.access == Access::kPublic || (route.access == Access::kOptional && header == nullptr))
      return route.handle(call);
    if (header == nullptr) {
      call->SendProblem(401, "session-missing",
                        "send Authorization: Bearer TOKEN; POST /v1/sessions gives one");
      return;
    }
    const std::optional<std::string> hash = HashOfAuthorization(*header);
    if (hash && FindSession(*call, *hash)) return route.handle(call);
    // Connected through another node a moment ago, perhaps: looked up once more in a view that holds it then.
    if (hash && !call->looked_again_ && call->services().replica->Role() != "leader") {
      call->looked_again_ = true;
      return AskLeader(call, route, 0, false);
    }
    call->SendProblem(401, "session-invalid", "the session is unknown, ended or expired; connect again");
  }

  static bool FindSession(Call& call, const std::string& hash) {
    const auto bytes = call.Latest().Get(broker::keys::Session(hash));
    v1::SessionRecord session;
    if (!bytes || !session.ParseFromString(*bytes)) return false;
    const Timestamp now = call.services().replica->Now();
    if (session.expires_ms() <= now.ms) return false;
    call.user_ = session.user();
    call.session_hash_ = hash;
    call.services().session_uses.Note(hash, now);
    return true;
  }
};

Api::Api(replication::Replica* replica, ApiOptions options) {
  MOM_CHECK(sodium_init() >= 0);
  services_ = std::make_shared<Services>(replica, std::move(options));
  replica->SetAnswerScope([](const std::function<void()>& answers) {
    const AnswersTogether together;
    answers();
  });
  // What listens must not keep what it listens for alive.
  replica->SetWokenListener(
      [weak = std::weak_ptr(services_)](const std::set<std::string>& queues, const broker::Revoked& revoked) {
        if (const auto services = weak.lock()) OnWoken(services, queues, revoked);
      });
  replica->SetUpheavalListener([weak = std::weak_ptr(services_)] {
    if (const auto services = weak.lock()) OnUpheaval(services);
  });
}

Api::~Api() {
  Stop();
}

HttpHandler Api::handler() {
  return [services = services_](HttpRequest request, Responder responder) {
    Dispatcher::Run(std::make_shared<Call>(services, std::move(request), std::move(responder)));
  };
}

const ApiOptions& Api::options() const {
  return services_->options;
}

void Api::Stop() {
  services_->Stop();
}

std::vector<std::pair<std::string, std::string>> Api::Routes() {
  std::vector<std::pair<std::string, std::string>> routes;
  for (const Route& route : AllRoutes()) routes.emplace_back(route.method, route.pattern);
  return routes;
}

}  // namespace mom::rest
