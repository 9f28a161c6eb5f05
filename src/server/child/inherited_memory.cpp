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
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Of glibc 2.35 and later, whose <sys/rseq.h> declares them. Weak, for the libc at run time may be a later
// one than that of the build.
extern "C" {
extern const std::ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));
}

namespace tcpserver::server {

namespace {

constexpr std::size_t largest_proc_file = 1UL << 20;

std::uintptr_t page_size() noexcept {
  static const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// [begin, end), in whole pages.
struct Pages {
  std::uintptr_t begin;
  std::uintptr_t end;
  off_t in_file = 0;  // where `begin` is there
};

// Lines such as "7f59a94d7000-7f59a9519000 rw-p 00000000 00:00 0    [heap]" (proc_pid_maps(5)).
std::vector<Pages> mapped_pages() {
  std::vector<Pages> all;
  const auto maps = base::read_file("/proc/self/maps", largest_proc_file);
  std::string_view rest = maps ? std::string_view(*maps) : std::string_view{};
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    Pages pages{};
    const char* const end = line.data() + line.size();
    const auto first = std::from_chars(line.data(), end, pages.begin, 16);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') continue;
    const auto last = std::from_chars(first.ptr + 1, end, pages.end, 16);
    constexpr std::size_t permissions = 6;  // " r-xp "
    if (last.ec != std::errc{} || end - last.ptr < static_cast<std::ptrdiff_t>(permissions)) continue;
    std::from_chars(last.ptr + permissions, end, pages.in_file, 16);
    all.push_back(pages);
  }
  return all;
}

std::vector<Pages> in_pages(std::span<const MemoryRange> ranges) {
  std::vector<Pages> all;
  for (const auto& range : ranges) {
    if (range.size == 0) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(range.begin);
    all.push_back({.begin = begin & ~(page_size() - 1),
                   .end = (begin + range.size + page_size() - 1) & ~(page_size() - 1),
                   .in_file = 0});
  }
  std::sort(all.begin(), all.end(), [](const Pages& a, const Pages& b) { return a.begin < b.begin; });
  return all;
}

bool hide(std::uintptr_t begin, std::uintptr_t end) noexcept {
  // The vsyscall page is part of the kernel's half of the addresses, and in every process.
  constexpr auto highest_of_a_process = std::numeric_limits<std::uintptr_t>::max() / 2;
  if (begin >= end || begin > highest_of_a_process) return true;
  return ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTFORK) == 0;
}

// False where it stays registered.
bool take_back_restartable_sequences() noexcept {
  if (&__rseq_size == nullptr || __rseq_size == 0) return true;  // not registered
#ifdef __x86_64__
  char* thread_pointer = nullptr;
  asm("mov %%fs:0, %0" : "=r"(thread_pointer));
  // The length has to be that of the registration, which libc keeps to itself: 32, or what later kernels'
  // area has.
  constexpr int unregister = 1;               // RSEQ_FLAG_UNREGISTER
  constexpr unsigned signature = 0x53053053;  // RSEQ_SIG
  for (unsigned length = 32; length <= 256; length += 4) {
    if (::syscall(SYS_rseq, thread_pointer + __rseq_offset, length, unregister, signature) == 0) return true;
  }
#endif
  return false;
}

// nullopt if /proc/self/stat cannot be read.
std::optional<prctl_mm_map> read_layout() {
  const auto stat = base::read_file("/proc/self/stat", largest_proc_file);
  if (!stat) return std::nullopt;
  const auto field = [&stat](int number) {
    return base::parse_number<std::uint64_t>(kernel::process_stat_field(*stat, number)).value_or(0);
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
  map.exe_fd = static_cast<std::uint32_t>(-1);  // as it is
  return map;
}

}  // namespace

const char* hide_all_from_children_but(std::span<const MemoryRange> kept) {
  static const bool memory_of_libc_may_go = take_back_restartable_sequences();
  if (!memory_of_libc_may_go) return "cannot unregister rseq";
  const auto all_mapped = mapped_pages();
  if (all_mapped.empty()) return "cannot read /proc/self/maps";
  bool hidden = true;
  const auto kept_pages = in_pages(kept);
  for (const auto& mapped : all_mapped) {
    auto begin = mapped.begin;
    for (const auto& keep : kept_pages) {
      hidden = hide(begin, std::min(mapped.end, keep.begin)) && hidden;
      begin = std::max(begin, keep.end);
    }
    hidden = hide(begin, mapped.end) && hidden;
  }
  return hidden ? nullptr : "madvise(MADV_DONTFORK) failed";
}

const void* map_code_again(MemoryRange code, void* hint) {
  const auto begin = reinterpret_cast<std::uintptr_t>(code.begin);
  const auto all = mapped_pages();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Pages& pages) {
    return pages.begin <= begin && begin + code.size <= pages.end;
  });
  const base::UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (found == all.end() || !program) return nullptr;
  const off_t in_file = found->in_file + static_cast<off_t>(begin - found->begin);
  void* const again = ::mmap(hint, code.size, PROT_READ | PROT_EXEC, MAP_PRIVATE, program.get(), in_file);
  if (again == MAP_FAILED) return nullptr;
  if (std::memcmp(again, code.begin, code.size) == 0) return again;
  ::munmap(again, code.size);
  return nullptr;
}

void show_all_to_children() {
  for (const auto& mapped : mapped_pages()) {
    ::madvise(reinterpret_cast<void*>(mapped.begin), mapped.end - mapped.begin, MADV_DOFORK);
  }
}

SharedCommandLine::SharedCommandLine(void* hint) {
  const auto layout = read_layout();
  if (!layout) return;
  auto map = *layout;
  const auto size = map.arg_end - map.arg_start;
  if (map.arg_start == 0 || map.arg_end <= map.arg_start) return;
  auto memory = std::make_unique<base::Mapping>(base::Mapping::Kind::own, size, hint);
  std::copy_n(reinterpret_cast<const char*>(map.arg_start), size, static_cast<char*>(memory->data()));
  ::mprotect(memory->data(), memory->size(), PROT_READ);
  map.arg_start = reinterpret_cast<std::uint64_t>(memory->data());
  map.arg_end = map.arg_start + size;
  if (::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0UL) == 0) memory_ = std::move(memory);
}

MemoryRange SharedCommandLine::range() const noexcept {
  if (!memory_) return {.begin = nullptr, .size = 0};
  return {.begin = memory_->data(), .size = memory_->size()};
}

}  // namespace tcpserver::server
