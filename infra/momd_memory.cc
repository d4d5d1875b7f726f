// How momd's allocator, jemalloc, gets its memory. What MALLOC_CONF in the environment says comes after this.

// Read by jemalloc before main(). In huge pages where the system allows them (`madvise` or `always` in
// /sys/kernel/mm/transparent_hugepage/enabled): the view's memory tables are 64 MiB each, filled in the order
// in which messages come and searched all over. An idle node takes 37 MiB for that, not 4; a full one a tenth
// more. docs/benchmarks.md has what it brings.
extern "C" const char* malloc_conf;  // jemalloc's name.
const char* malloc_conf = "thp:always";
