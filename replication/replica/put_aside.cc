#include "replication/replica/put_aside.h"

namespace mom::replication {
namespace {

std::string FreeName(wal::Env* env, const std::string& path) {
  for (int i = 1;; ++i) {
    std::string name = path + ".damaged-" + std::to_string(i);
    if (env->ListDir(name).status().code() == Status::kNotFound) return name;
  }
}

}  // namespace

Result<std::string> PutAside(wal::Env* env, const std::string& dir, const std::string& name) {
  const std::string path = dir + "/" + name;
  std::string aside = FreeName(env, path);
  MOM_RETURN_IF_ERROR(env->Rename(path, aside));
  MOM_RETURN_IF_ERROR(env->SyncDir(dir));
  return aside;
}

}  // namespace mom::replication
