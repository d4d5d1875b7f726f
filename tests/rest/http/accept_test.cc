#include "rest/accept.h"

#include <gtest/gtest.h>

namespace mom::rest {
namespace {

bool Wants(std::initializer_list<const char*> lines) {
  HttpRequest request;
  request.headers.emplace_back("host", "a");
  for (const char* line : lines) request.headers.emplace_back("accept", line);
  return WantsOctets(request);
}

TEST(Accept, TakesCaseListsAndWeightsAsTheyAreMeant) {
  for (const char* line :
       {"application/octet-stream", "Application/Octet-Stream", " application/octet-stream ; q=0.001",
        "application/octet-stream, */*", "application/octet-stream, application/json",
        "text/html, application/octet-stream;q=0.9, */*;q=0.8",
        "application/octet-stream;Q=1.000,application/json;q=1",
        "application/json;q=0.2, application/octet-stream;q=0.3", "application/octet-stream;x=y"})
    EXPECT_TRUE(Wants({line})) << line;
  for (const char* line :
       {"", "*/*", "application/*", "application/json", "text/plain", "application/octet-stream;q=0",
        "application/octet-stream;q=0.000", "application/json, application/octet-stream",
        "application/octet-stream;q=0.5, application/json", "application/octet-stream;q=0.5, */*;q=0.6",
        "application/octet-stream;q=2", "application/octet-stream;q=", "application/octet-stream;q=0.1234",
        "application/octet-streams", "application/octet-stream-x", "xapplication/octet-stream"})
    EXPECT_FALSE(Wants({line})) << line;
  EXPECT_FALSE(Wants({}));
  EXPECT_TRUE(Wants({"text/html", "application/octet-stream"}));
}

}  // namespace
}  // namespace mom::rest
