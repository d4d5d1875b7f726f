// transport_child PARENT: node 1 in a process of its own, for transport_life_test.cc to kill.
//
// Prints where it listens. Follows the parent, node 2 at the address PARENT; whoever follows it gets a frame
// at once, and one more for each command, which it never answers.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/replication/transport_harness.h"

namespace mom::replication {
namespace {

int Main(const std::string& parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  TestNode child(1);
  child.recorder.on_message = [&](const Arrived& one) {
    if (!std::holds_alternative<quorum::FetchRequest>(one.message.body)) return;
    child.transport->SendFrame(Reply(1, 2, 5, FrameAt(0)), {EntryAt(0, "x")});
  };
  child.recorder.on_forward = [&](const quorum::Identity&, const std::string&, auto) {
    // The parent may have the first frame before this end hears that it was sent; until then no other may go.
    MOM_CHECK(child.recorder.Await([&] { return !child.recorder.sent.empty(); }));
    child.transport->SendFrame(Reply(1, 2, 5, FrameAt(1)), {EntryAt(1, "y")});
  };
  child.transport->SetAddresses({{NodeId{2}, parent}});
  child.transport->OpenStream(Request(1, 2, 9, true));
  const std::string line = child.transport->listening() + "\n";
  MOM_CHECK(write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  std::this_thread::sleep_for(2 * kPatience);
  return 0;
}

}  // namespace
}  // namespace mom::replication

int main(int argc, char** argv) {
  MOM_CHECK(argc == 2, argc);
  return mom::replication::Main(argv[1]);
}
