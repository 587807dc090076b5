# Puts the files of the ops page into the program: cmake -DSOURCE=daemon/ops -DOUTPUT=FILE.c -P embed.cmake
# Each becomes a row of ops_files (ops_file.h): name, text, size, and a tag of its content for ETag.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../shared/literal.cmake)

file(GLOB files "${SOURCE}/*.html" "${SOURCE}/*.css" "${SOURCE}/*.js" "${SOURCE}/*.svg")
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(SHA256 digest "${text}")
  string(SUBSTRING "${digest}" 0 16 tag)
  c_literal("${text}" literal)
  string(APPEND rows "    {\"${name}\", \"\\\"${tag}\\\"\",\n    ${literal}},\n")
endforeach()
file(WRITE "${OUTPUT}" "/* Generated from daemon/ops by embed.cmake. */
#include \"ops_file.h\"

const struct ops_file ops_files[] = {
${rows}    {0},
};
")
