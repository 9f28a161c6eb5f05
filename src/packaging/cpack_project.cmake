# Read by cpack once for each generator. DESTDIR, so that files outside of the prefix, such as /etc/tcpserver.conf, get
# into the package and not onto this system.
set(CPACK_SET_DESTDIR ON)
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_INSTALL_PREFIX /usr)
else()
  set(CPACK_INSTALL_PREFIX /usr/local)
  set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY ON) # unpacked by mistake in /, it changes nothing there
endif()
