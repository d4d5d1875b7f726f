#include "replication/view/leveldb_unlogged_env.h"

#include <string_view>

namespace mom::replication {
namespace {

class Discarded final : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice&) override { return leveldb::Status(); }
  leveldb::Status Close() override { return leveldb::Status(); }
  leveldb::Status Flush() override { return leveldb::Status(); }
  leveldb::Status Sync() override { return leveldb::Status(); }
};

}  // namespace

leveldb::Status UnloggedEnv::NewWritableFile(const std::string& name, leveldb::WritableFile** result) {
  if (!std::string_view(name).ends_with(".log")) return target()->NewWritableFile(name, result);
  *result = new Discarded;  // LevelDB takes it over.
  return leveldb::Status();
}

}  // namespace mom::replication
