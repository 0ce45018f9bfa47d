//go:build !linux

package main

import "syscall"

// endWithParent would have a child process end with its parent, which only Linux does.
func endWithParent() *syscall.SysProcAttr { return nil }
