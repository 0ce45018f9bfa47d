package ubootmedia

// BlockName returns the name of a block device as U-Boot's commands for files and disks take it: "mmc 0.1" for
// mmc 0.boot0. It is not ok for a flash chip, and for what is no name of a medium.
func BlockName(name string) (string, bool) {
	m, err := Open(nil, name, Options{})
	if err != nil {
		return "", false
	}
	switch m := m.(type) {
	case *mmc:
		return m.name(), true
	case *block:
		return m.name(), true
	}
	return "", false
}
