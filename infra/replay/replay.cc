#include <CLI/CLI.hpp>

#include "infra/replay/commands.h"

namespace mom::replay {
namespace {

constexpr char kAbout[] =
    "mom-replay: looks into, checks and recovers the data folder of a stopped MOM node.\n"
    "It never writes into that folder, and refuses to work while a node runs on it.\n"
    "Exit codes: 0 good, 1 damaged or different, 2 wrong usage, refused, or not possible.\n"
    "Ends are exclusive: entries of [from, to) have offsets from 'from' to 'to' minus one.";

void AddDir(CLI::App* command, std::string* dir) {
  command->add_option("DIR", *dir, "Data folder of the stopped node")->required();
}

void AddWorkDir(CLI::App* command, std::string* work_dir) {
  command->add_option(
      "--work-dir", *work_dir,
      "Where a temporary folder is made and removed (default: the system's); it needs room for "
      "what is rebuilt");
}

struct Options {
  InspectOptions inspect;
  VerifyOptions verify;
  DumpOptions dump;
  RebuildOptions rebuild;
};

CLI::App* AddInspect(CLI::App* app, InspectOptions* options) {
  CLI::App* command = app->add_subcommand("inspect", "Shows identity, hard state, log, view and counts");
  AddDir(command, &options->dir);
  AddWorkDir(command, &options->work_dir);
  return command;
}

CLI::App* AddVerify(CLI::App* app, VerifyOptions* options) {
  CLI::App* command = app->add_subcommand(
      "verify",
      "Checks every record of the log, rebuilds the view from it and compares it with the stored one");
  AddDir(command, &options->dir);
  AddWorkDir(command, &options->work_dir);
  command->add_flag("--deep,!--no-deep", options->deep,
                    "Compare every key and value (default), not only the digest");
  return command;
}

CLI::App* AddDump(CLI::App* app, DumpOptions* options) {
  CLI::App* command = app->add_subcommand("dump",
                                          "Prints one line an entry. Refused commands are in the log too; "
                                          "'ids' of a publication are those that its "
                                          "messages got if it was accepted and none was a duplicate. Hashes "
                                          "of passwords and tokens are never shown");
  AddDir(command, &options->dir);
  command->add_option("--from", options->from, "First offset (default: where the log starts)");
  command->add_option("--to", options->to, "Offset behind the last one (default: where the log ends)");
  command->add_flag("--json", options->json, "One JSON object a line");
  command->add_flag("--bodies", options->bodies, "Show message bodies");
  return command;
}

CLI::App* AddRebuild(CLI::App* app, RebuildOptions* options) {
  CLI::App* command = app->add_subcommand("rebuild",
                                          "Writes a new view from the log. To use it: stop the node, move "
                                          "DIR/view away, move the new folder there");
  AddDir(command, &options->dir);
  command->add_option("--output", options->output, "Folder for the view: missing, or empty")->required();
  command->add_option("--until", options->until,
                      "Apply only entries below this offset (default: the whole log)");
  command->add_flag("--accept-prefix", options->accept_prefix,
                    "Of a damaged log make a view of what lies before the damage: what came later is lost");
  AddWorkDir(command, &options->work_dir);
  return command;
}

}  // namespace

int RunReplay(int argc, char** argv, std::ostream& out, std::ostream& err) {
  CLI::App app(kAbout, "mom-replay");
  app.set_version_flag("--version", "mom-replay 0.1.0");
  app.require_subcommand(1);
  Options options;
  const CLI::App* const inspect = AddInspect(&app, &options.inspect);
  const CLI::App* const verify = AddVerify(&app, &options.verify);
  const CLI::App* const dump = AddDump(&app, &options.dump);
  AddRebuild(&app, &options.rebuild);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? kExitOk : kExitRefused;
  }
  const Console console{&out, &err};
  if (inspect->parsed()) return Inspect(options.inspect, console);
  if (verify->parsed()) return Verify(options.verify, console);
  if (dump->parsed()) return Dump(options.dump, console);
  return Rebuild(options.rebuild, console);
}

}  // namespace mom::replay
