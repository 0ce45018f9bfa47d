-- The station writes the board's eMMC, which U-Boot exposes as a USB disk. The board needs no Linux and no network, but
-- a cable from its USB device port to the station.
--   flashlua run ums.lua --image disk.img --port serial:/dev/ttyUSB0 --power "command:pdu -port 3 {}" --arg usb=1-1.2
-- usb is where the disk appears: the kernel prints it, `usb 1-1.2: new high-speed USB device`. Boards with a serial
-- number of their own are found by --arg serial=B0A4D at any port.
return {
	name = "ums",
	description = "the station writes the eMMC over USB",
	targets = { emmc = { path = "/dev/mmcblk0", uboot = "mmc 0" } },
	args = {
		usb = { help = "where the disk appears, such as 1-1.2" },
		serial = { help = "serial number of the board's USB device" },
	},
	flash = function(s, job)
		s:step("power", function() s.power:cycle() end)
		local ub = s:step("uboot", { timeout = "2m" }, function() return s:uboot() end)
		s:step("write", { destroys = job.target }, function()
			ub:ums("mmc 0", { usb = job.args.usb, serial = job.args.serial })
		end)
	end,
}
