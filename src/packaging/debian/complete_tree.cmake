# Run by cpack on the installed tree, before it is packed: what Debian's policy asks for.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(tree "${CPACK_TEMPORARY_DIRECTORY}")
set(doc "${tree}/usr/share/doc/tcpserver")

# Manual pages and changelog are compressed, without a time in them (policy 12.1, 12.7).
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

# Whatever the umask of who builds it.
execute_process(COMMAND chmod -R u=rwX,go=rX "${tree}" COMMAND_ERROR_IS_FATAL ANY)
