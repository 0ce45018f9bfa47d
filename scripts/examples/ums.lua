-- Writes an image to a board's medium that its U-Boot exposes as a USB disk, and reads it back on the station. The
-- board needs no Linux and no network, but a USB cable to the station.
--   flashlua run ums.lua --allow-write /dev/disk/by-id -- \
--     disk.img /dev/disk/by-id/usb-Linux_UMS_disk_0-0:0 serial:/dev/ttyUSB0 'command:pdu -port 3 {}' "mmc 0"
-- Name the disk by its USB path or serial number, so that no other disk is written.
return function(args)
	local image, disk, port, pdu, medium = unpack(args)
	if not medium then error(errors.fatal("usage: ums.lua -- IMAGE DISK PORT POWER MEDIUM")) end
	local con = serial.open(port)
	power.open(pdu):cycle()
	uboot.stop(con)

	con:line("ums 0 " .. medium)
	local _, found = con:expect({ "UMS: LUN 0", "=> " }, { timeout = "20s" })
	if found == 2 then error(errors.fatal("U-Boot cannot expose " .. medium .. ": " .. con:tail())) end

	local verdict = flash.retry(function() -- the disk appears after some seconds
		local ok, result = pcall(flash.device, { image = image, to = disk })
		if ok then return result end
		error(errors.is(result, "target.missing") and errors.retryable("the disk has not appeared", result) or result)
	end, { retries = 4 })

	con:send("\3") -- the end of ums
	con:expect("=> ", { timeout = "10s" })
	log.info("verified on " .. disk .. ": " .. verdict.image.sha256)
end
