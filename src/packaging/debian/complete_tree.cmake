# cpack runs this on the installed tree before packing it. It adds what Debian's policy requires.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(tree "${CPACK_TEMPORARY_DIRECTORY}")
set(doc "${tree}/usr/share/doc/tcpserver")

# Compress manual pages and changelog without a timestamp (policy 12.1, 12.7).
file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/changelog" "${doc}/changelog.Debian")
file(GLOB pages "${tree}/usr/share/man/man*/*.[1578]")
execute_process(COMMAND gzip -9n ${pages} "${doc}/changelog.Debian" COMMAND_ERROR_IS_FATAL ANY)

file(READ "${CPACK_TCPSERVER_SOURCE_DIR}/LICENSE" license)
string(REGEX REPLACE "\n\n" "\n.\n" license "${license}")
string(REGEX REPLACE "\n([^\n])" "\n \\1" license "${license}")
file(WRITE "${doc}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tcpserver

Files: *
Copyright: 2026 The tcpserver authors
License: Expat
 ${license}")

file(MAKE_DIRECTORY "${tree}/usr/share/lintian/overrides")
file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/lintian-overrides" "${tree}/usr/share/lintian/overrides/tcpserver")

# Debian's zsh reads completions of packages from this directory.
file(RENAME "${tree}/usr/share/zsh/site-functions" "${tree}/usr/share/zsh/vendor-completions")

# The modes must not depend on the umask of the build.
execute_process(COMMAND chmod -R u=rwX,go=rX "${tree}" COMMAND_ERROR_IS_FATAL ANY)
