package flash

// Rejoin makes the writers of d go on through another shell of the same Linux.
func (d *ShellFlasher) Rejoin(sh Shell) {
	d.Shell, d.loaded = sh, false // the script is in a variable of the other shell
}
