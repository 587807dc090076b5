# Bundles the Lua libraries: cmake -DSOURCE=redis-schema -DOUTPUT=DIR -P bundle.cmake
#
# A line `--@use NAME…` in lib/*.lua or part/*.lua is replaced by the parts that it names, each once a library,
# after the parts that they use. Writes OUTPUT/lib/NAME.lua and OUTPUT/schema_bundle.c (schema_bundle.h).
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../shared/literal.cmake)

# Appends the text of a part, and of those that it uses, to the bundle under construction.
function(add_part name)
  get_property(seen GLOBAL PROPERTY PARTS)
  if(name IN_LIST seen)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY PARTS ${name})
  set(file "${SOURCE}/part/${name}.lua")
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "no such part: ${name}")
  endif()
  file(READ "${file}" text)
  add_used_parts("${text}")
  without_use_line("${text}" text)
  set_property(GLOBAL APPEND_STRING PROPERTY BUNDLE "-- part/${name}.lua\n${text}\n")
endfunction()

function(add_used_parts text)
  if(NOT "${text}" MATCHES "(^|\n)--@use ([a-z ]+)\n")
    return()
  endif()
  separate_arguments(names UNIX_COMMAND "${CMAKE_MATCH_2}")
  foreach(name IN LISTS names)
    add_part(${name})
  endforeach()
endfunction()

function(without_use_line text result)
  string(REGEX REPLACE "(^|\n)--@use [a-z ]+\n" "\\1" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# The bundled text of a library: its #!lua line, the parts, the rest.
function(bundle_library file result)
  file(READ "${file}" text)
  if(NOT "${text}" MATCHES "^(#!lua name=[a-z_]+\n)")
    message(FATAL_ERROR "${file}: no #!lua line at the top")
  endif()
  set(head "${CMAKE_MATCH_1}")
  set_property(GLOBAL PROPERTY PARTS "")
  set_property(GLOBAL PROPERTY BUNDLE "")
  add_used_parts("${text}")
  without_use_line("${text}" text)
  string(LENGTH "${head}" length)
  string(SUBSTRING "${text}" ${length} -1 text)
  get_property(parts GLOBAL PROPERTY BUNDLE)
  set(${result} "${head}${parts}${text}" PARENT_SCOPE)
endfunction()

file(GLOB libraries "${SOURCE}/lib/*.lua")
list(SORT libraries)
set(all "")
set(rows "")
foreach(file IN LISTS libraries)
  get_filename_component(name "${file}" NAME_WE)
  bundle_library("${file}" text)
  file(WRITE "${OUTPUT}/lib/${name}.lua" "${text}")
  c_literal("${text}" literal)
  string(APPEND rows "    {\"trunkline_${name}\",\n    ${literal}},\n")
  string(APPEND all "${text}")
endforeach()
string(SHA256 digest "${all}")
file(WRITE "${OUTPUT}/schema_bundle.c" "/* Generated from redis-schema/lib and part by bundle.cmake. */
#include \"schema_bundle.h\"

static const struct schema_library libraries[] = {
${rows}};

const struct schema_bundle schema_bundle = {
    SCHEMA_VERSION,
    \"${digest}\",
    libraries,
    sizeof(libraries) / sizeof(libraries[0]),
};
")
