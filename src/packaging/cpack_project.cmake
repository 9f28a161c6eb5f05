# cpack reads this once per generator. DESTDIR puts files outside the prefix, such as /etc/tcpserver.conf, into the
# package instead of this system.
set(CPACK_SET_DESTDIR ON)
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_INSTALL_PREFIX /usr)
else()
  set(CPACK_INSTALL_PREFIX /usr/local)
  set(CPACK_INCLUDE_TOPLEVEL_DIRECTORY ON) # unpacking it in / overwrites nothing
endif()
