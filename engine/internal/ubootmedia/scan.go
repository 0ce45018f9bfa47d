package ubootmedia

// Scan returns the command that finds the devices of an interface, such as usb; "" for an unknown one.
func Scan(iface string) string { return buses[iface].scan }
