// Package modules has the global values that scripts find, and the objects that those return.
//
// It owns one file for each of flashlua's Lua modules (flash, serial, power, …), the session and the job of a
// policy's flash, error objects, verdicts, and the conversion between Lua and Go values. It does not know how
// scripts and boards are found, nor how they are loaded: its caller brings require, and the boards of flash.run.
package modules
