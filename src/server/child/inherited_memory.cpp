#include "server/child/inherited_memory.hpp"

#include "tcpserver/base/io.hpp"
#include "tcpserver/base/values.hpp"
#include "tcpserver/kernel/process_table.hpp"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

// glibc 2.35 declares these in <sys/rseq.h>. They are weak because the build's libc may be older than the
// one at run time.
extern "C" {
extern const std::ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));
}

namespace tcpserver::server {

namespace {

constexpr std::size_t largest_proc_file = 1UL << 20;

// The memory that one page of the last level of page tables maps: 512 pages of 4 KiB.
constexpr std::size_t block = 4096UL * (4096 / 8);

// A line of /proc/self/maps, such as "7f59a94d7000-7f59a9519000 rw-p 00000000 00:00 0 [heap]"
// (proc_pid_maps(5)).
struct Mapped {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t offset = 0;  // of `begin` in the file
};

std::vector<Mapped> read_mappings() {
  std::vector<Mapped> all;
  std::istringstream lines(base::read_file("/proc/self/maps", largest_proc_file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    Mapped mapped;
    const char* const format = "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNxPTR;
    if (std::sscanf(line.c_str(), format, &mapped.begin, &mapped.end, &mapped.offset) != 3) continue;
    // Skip the vsyscall page, which is in the kernel's half of the address space.
    if (mapped.begin <= UINTPTR_MAX / 2) all.push_back(mapped);
  }
  return all;
}

bool advise(const std::vector<Mapped>& mappings, int advice) noexcept {
  return std::count_if(mappings.begin(), mappings.end(), [advice](const Mapped& mapped) {
           return ::madvise(reinterpret_cast<void*>(mapped.begin), mapped.end - mapped.begin, advice) != 0;
         }) == 0;
}

// Returns false if the kernel refuses.
bool unregister_restartable_sequences() noexcept {
  if (&__rseq_size == nullptr || __rseq_size == 0) return true;  // not registered
#ifdef __x86_64__
  char* thread_pointer = nullptr;
  asm("mov %%fs:0, %0" : "=r"(thread_pointer));
  // The length must be that of the registration, which libc does not expose: 32, or more with later kernels.
  constexpr int unregister = 1;               // RSEQ_FLAG_UNREGISTER
  constexpr unsigned signature = 0x53053053;  // RSEQ_SIG
  for (unsigned length = 32; length <= 256; length += 4) {
    if (::syscall(SYS_rseq, thread_pointer + __rseq_offset, length, unregister, signature) == 0) return true;
  }
#endif
  return false;
}

// Reads the memory layout of this process from /proc/self/stat. Unknown addresses are 0.
prctl_mm_map read_layout() {
  const auto stat = base::read_file("/proc/self/stat", largest_proc_file).value_or("");
  const auto field = [&stat](int number) {
    return base::parse_number<std::uint64_t>(kernel::process_stat_field(stat, number)).value_or(0);
  };
  prctl_mm_map map{};
  map.start_code = field(26);
  map.end_code = field(27);
  map.start_stack = field(28);
  map.start_data = field(45);
  map.end_data = field(46);
  map.start_brk = field(47);
  map.brk = static_cast<std::uint64_t>(::syscall(SYS_brk, 0));
  map.arg_start = field(48);
  map.arg_end = field(49);
  map.env_start = field(50);
  map.env_end = field(51);
  map.exe_fd = static_cast<std::uint32_t>(-1);  // do not change it
  return map;
}

}  // namespace

AddressHints::AddressHints() noexcept {
  if (::sysconf(_SC_PAGESIZE) != 4096 || sizeof(void*) != 8) return;
  // A range of twice the size contains a whole aligned block.
  void* const room = ::mmap(nullptr, 2 * block, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  ::munmap(room, 2 * block);
  next_ = (reinterpret_cast<std::uintptr_t>(room) + block - 1) & ~(block - 1);
  end_ = next_ + block;
}

void* AddressHints::next(std::size_t size) noexcept {
  const std::size_t pages = (size + 4095) & ~std::size_t{4095};
  if (pages > end_ - next_) return nullptr;
  void* const hint = reinterpret_cast<void*>(next_);
  next_ += pages;
  return hint;
}

const char* hide_from_children_except(std::span<const MemoryRange> kept) {
  static const bool libc_is_not_needed = unregister_restartable_sequences();
  if (!libc_is_not_needed) return "cannot unregister rseq";
  const auto all = read_mappings();
  if (all.empty()) return "cannot read /proc/self/maps";
  bool hidden = advise(all, MADV_DONTFORK);
  for (const auto& range : kept) {
    hidden = ::madvise(const_cast<void*>(range.begin), range.size, MADV_DOFORK) == 0 && hidden;
  }
  return hidden ? nullptr : "madvise(MADV_DONTFORK) failed";
}

void show_all_to_children() {
  static_cast<void>(advise(read_mappings(), MADV_DOFORK));  // fails for devices, which stay hidden
}

MemoryRange remap_code(MemoryRange code, AddressHints& place) {
  const auto begin = reinterpret_cast<std::uintptr_t>(code.begin);
  const auto all = read_mappings();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Mapped& mapped) {
    return mapped.begin <= begin && begin + code.size <= mapped.end;
  });
  const base::UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (found == all.end() || !program) return code;
  void* const again = ::mmap(place.next(code.size), code.size, PROT_READ | PROT_EXEC, MAP_PRIVATE,
                             program.get(), static_cast<off_t>(found->offset + begin - found->begin));
  if (again == MAP_FAILED) return code;
  if (std::memcmp(again, code.begin, code.size) == 0) return {again, code.size};
  ::munmap(again, code.size);
  return code;
}

MemoryRange move_command_line(AddressHints& place) {
  auto map = read_layout();
  if (map.arg_start == 0 || map.arg_end <= map.arg_start) return {};
  const auto size = map.arg_end - map.arg_start;
  void* const memory =
      ::mmap(place.next(size), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  std::memcpy(memory, reinterpret_cast<const void*>(map.arg_start), size);
  ::mprotect(memory, size, PROT_READ);
  map.arg_start = reinterpret_cast<std::uint64_t>(memory);
  map.arg_end = map.arg_start + size;
  if (::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0UL) == 0) return {memory, size};
  ::munmap(memory, size);
  return {};
}

}  // namespace tcpserver::server
