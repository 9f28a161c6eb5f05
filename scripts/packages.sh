# The other scripts source this. Its functions install missing packages and configure builds.
# shellcheck shell=bash

# print_help prints the comment at the top of the script, wrapped for terminals of 80 columns.
print_help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" | fold -s -w 79
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "$0: this command requires root or sudo: $*" >&2
    return 77
  fi
}

# install_missing WHAT PACKAGE...: installs packages of Debian or Ubuntu; their progress goes to stderr.
install_missing() {
  local what=$1
  shift
  if ! command -v apt-get >/dev/null; then
    echo "$0: missing $what, and apt-get is not available; install the packages that your system calls: $*" >&2
    return 71
  fi
  echo "Installing $what: $*" >&2
  if ! apt-cache show "$@" >/dev/null 2>&1; then
    as_root apt-get update >&2 || return
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2
}

# at_least NAME FOUND MINIMUM: fails with one line if the version FOUND is below MINIMUM.
at_least() {
  [ "$(printf '%s\n' "$2" "$3" | sort -V | sed -n 1p)" != "$3" ] || return 0
  echo "$0: $1 $2 is too old: tcpserver needs $1 $3; Debian 12, Ubuntu 24.04 and newer have it" >&2
  return 69
}

# need_build_tools installs CMake 3.25, make or Ninja, and g++ 12 or clang 14, or fails if they are older.
need_build_tools() {
  local missing=() compiler
  command -v cmake >/dev/null || missing+=(cmake)
  command -v make >/dev/null || command -v ninja >/dev/null || missing+=(make)
  if [ -z "${CXX:-}" ]; then
    command -v c++ >/dev/null || missing+=(g++)
  elif ! command -v "${CXX%% *}" >/dev/null; then
    echo "$0: CXX: no such command: $CXX" >&2
    return 71
  fi
  [ ${#missing[@]} = 0 ] || install_missing "the build tools" "${missing[@]}" || return
  at_least CMake "$(cmake --version | sed -n '1s/^cmake version //p')" 3.25 || return
  compiler=${CXX:-c++}
  case $(${compiler} --version) in
    *clang*) at_least clang "$(${compiler} -dumpversion)" 14 ;;
    *) at_least g++ "$(${compiler} -dumpversion)" 12 ;;
  esac
}

# Flags for builds with sanitizers. Unity builds and -O1 take a third of the time and find the same errors.
# shellcheck disable=SC2034 # other scripts use it
sanitizer_flags='-DTCPSERVER_FUZZ=ON -DCMAKE_UNITY_BUILD=ON -DCMAKE_CXX_FLAGS_RELEASE=-O1'

# need_libfuzzer installs clang with its sanitizers and libFuzzer.
need_libfuzzer() {
  local program version
  command -v clang++ >/dev/null || install_missing "clang" clang
  program=$(mktemp)
  if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -fsanitize=fuzzer,address -x c++ - -o "$program" 2>/dev/null; then
    version=$(clang++ -dumpversion)
    install_missing "libFuzzer" "libclang-rt-${version%%.*}-dev"
  fi
  rm -f "$program"
}

# configure DIR OPTION...: runs CMake for a build directory, with Ninja and ccache if they are installed. The variable
# CMAKE_FLAGS adds options.
configure() {
  local build=$1 flags
  shift
  if [ ! -e "$build/CMakeCache.txt" ]; then
    ! command -v ninja >/dev/null || set -- -G Ninja "$@"
    ! command -v ccache >/dev/null || set -- -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"
  fi
  read -ra flags <<<"${CMAKE_FLAGS:-}"
  cmake -S "${top:?}" -B "$build" "$@" "${flags[@]}"
}

# make_debian RELEASE DIR [OPTION of debootstrap]...: makes a minimal Debian, from the first mirror of this machine's apt,
# unless DIR exists. Shows the end of debootstrap's output if it fails.
make_debian() {
  local release=$1 directory=$2 mirror log
  [ ! -d "$directory" ] || return 0
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' | sed -n 1p)
  mkdir -p "$(dirname "$directory")"
  rm -rf --one-file-system "$directory.part"
  log=$(mktemp)
  if ! debootstrap --variant=minbase "${@:3}" "$release" "$directory.part" "$mirror" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -rf --one-file-system "$directory.part" "$log"
    return 1
  fi
  rm -f "$log"
  mv "$directory.part" "$directory"
}
