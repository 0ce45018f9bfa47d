package main

import "syscall"

// endWithParent has a child process get SIGTERM when the thread ends that started it.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
