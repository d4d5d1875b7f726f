// What HTTP asks of a server, over real sockets.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

#include "rest/pistache_server.h"
#include "tests/rest/http/test_client.h"

namespace mom::rest {
namespace {

class PistacheProtocol : public testing::Test {
 protected:
  PistacheProtocol() : server_(MakePistacheServer(HttpServerOptions())) {
    const Status started = server_->Start([](HttpRequest request, Responder responder) {
      responder.Send({200, {}, std::move(request.body)});
    });
    EXPECT_TRUE(started.ok()) << started;
  }
  ~PistacheProtocol() override { server_->Stop(0); }
  TestClient Client() { return TestClient(server_->port()); }

  const std::unique_ptr<HttpServer> server_;
};

// Method: a body of many chunks, whose frames and bytes reach the server in packets of any size.
TEST_F(PistacheProtocol, TakesBodiesInChunks) {
  TestClient client = Client();
  std::string body;
  std::string chunks;
  for (int i = 0; i < 300; ++i) {
    const std::string data(static_cast<size_t>(i % 7 == 0 ? 40'000 : i + 1), static_cast<char>('a' + i % 26));
    char size[24];
    std::snprintf(size, sizeof size, "%zx;n=%d\r\n", data.size(), i);
    body += data;
    chunks.append(size).append(data).append("\r\n");
  }
  chunks += "0\r\nX-Trailer: y\r\n\r\n";
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(client.Send(head + chunks + PostRequest("/echo", "next")));
    EXPECT_EQ(client.ReadAnswer().body, body);
    EXPECT_EQ(client.ReadAnswer().body, "next");
  }
  ASSERT_TRUE(client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.ReadAnswer().status, 100);
  EXPECT_EQ(client.Ask("2\r\nhi\r\n0\r\n\r\n").body, "hi");
}

TEST_F(PistacheProtocol, SaysWhatTimeItIs) {
  TestClient client = Client();
  for (const std::string& request : {PostRequest("/echo", "x"), std::string("nonsense\r\n\r\n")}) {
    std::tm parts{};
    const std::string date = client.Ask(request).headers["date"];
    ASSERT_NE(strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts), nullptr) << date;
    EXPECT_LE(std::abs(timegm(&parts) - time(nullptr)), 60);
  }
}

}  // namespace
}  // namespace mom::rest
