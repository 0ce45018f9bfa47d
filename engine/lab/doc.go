// Package lab holds what is known of the boards of a lab: its stations, and the inventory that they stand in.
//
// A station is one board with what connects it: its console, power, outputs, policy and arguments. The package owns
// the names of stations, the choice by name and by tag, and the rules that hold for a station by itself and between
// stations. It does not know Lua, the file that an inventory is read from, or the command line: package bindings
// reads the file, and package main makes a job of a station.
package lab
