// The web server of the product: Pistache 0.0.5 behind HttpServer.
//
// Pistache accepts connections and runs the worker threads with their event loops. Reading requests and
// sending answers is ours (http_wire.h, pistache_worker.h): the library's parser cannot tell a repeated
// Content-Length, drops repeated query keys and pipelined requests, answers 415 to some Content-Types before
// any code of ours runs, and goes on reading behind a request that it refused; its way of answering from
// other threads loses or misdelivers answers.
//
// What a client sees: strict HTTP/1.1, keep-alive, pipelining, 100-continue, any Content-Type. Refusals are
// problem details and end the connection. A client that closes its sending side counts as gone. TLS is the
// proxy's.
//
// Stop() is bounded, but Pistache's own shutdown has been seen to hang. When it does, its threads and memory
// are left behind, and the process should end with _exit() instead of running static destructors.
#pragma once

#include <memory>

#include "rest/http_port.h"

namespace mom::rest {

// REQUIRES: options in the ranges that HttpServerOptions states.
std::unique_ptr<HttpServer> MakePistacheServer(const HttpServerOptions& options);

}  // namespace mom::rest
