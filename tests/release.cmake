# The schema of another release, for the tests of upgrades: redis-schema with another version of the schema and other
# functions (by a line).
#   cmake -DSOURCE=redis-schema -DOUTPUT=DIR -DNAME=NAME -DRAISED=BY -P release.cmake
file(GLOB files "${SOURCE}/*.c" "${SOURCE}/*.h" "${SOURCE}/lib" "${SOURCE}/part")
file(REMOVE_RECURSE "${OUTPUT}")
file(COPY ${files} DESTINATION "${OUTPUT}")
file(READ "${SOURCE}/schema.h" header)
if(NOT "${header}" MATCHES "SCHEMA_VERSION =[ \n]+([0-9]+),")
  message(FATAL_ERROR "schema.h: no SCHEMA_VERSION")
endif()
math(EXPR version "${CMAKE_MATCH_1} + ${RAISED}")
string(REPLACE "${CMAKE_MATCH_0}" "SCHEMA_VERSION = ${version}," header "${header}")
file(WRITE "${OUTPUT}/schema.h" "${header}")
file(APPEND "${OUTPUT}/lib/sys.lua" "\n-- of release ${NAME}\n")
execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE=${OUTPUT} -DOUTPUT=${OUTPUT}/bundle -P ${SOURCE}/bundle.cmake
                COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${OUTPUT}/bundle/schema_bundle.c" "${OUTPUT}/schema_bundle.c")
file(GLOB made "${OUTPUT}/*.[ch]")
file(TOUCH ${made}) # later than what they were made of
