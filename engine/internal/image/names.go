package image

import (
	"io"
	"path"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// archiveNames are short extensions of packed tars.
var archiveNames = map[string]string{
	".tgz": ".tar.gz", ".taz": ".tar.gz", ".txz": ".tar.xz", ".tbz": ".tar.bz2", ".tbz2": ".tar.bz2", ".tzst": ".tar.zst", ".tlz4": ".tar.lz4", ".ova": ".tar",
}

// companions are files that stand next to an image, or hold something else, by their extensions.
var companions = []struct{ exts, what, hint string }{
	{".sha256 .sha256sum .sha512 .sha512sum .sha1 .sha1sum .md5 .md5sum .sha .sum .sums .b2 .digest .checksum", "a list of checksums", digestHint},
	{".asc .sig .sign .gpg .pgp .minisig .p7s", "a signature, or encrypted", "name the image, without this extension; gpg --decrypt FILE decrypts"},
	{".bmap", "a block map", "name the image: flashlua finds the block map next to it"},
	{".torrent .metalink .meta4 .zsync", "a description of a download", "download the image and name its file"},
	{".hex .ihex .ihx .srec .s19 .s28 .s37 .mot", "the text format of a programmer", "convert it: objcopy -I ihex -O binary FILE disk.img, or -I srec"},
	{".uf2", "for the bootloader of a microcontroller", "copy it to the drive that the microcontroller shows"},
	{".dmg", "a disk image of macOS", "convert it: dmg2img FILE disk.img"},
	{".vmsd .vmx .ovf .vbox", "the description of a virtual machine", "name the disk of the machine, converted: " + toRaw},
	{".json .xml .html .htm .txt .log .md .yaml .yml", "a text", "name the image"},
}

const digestHint = "name the image, and the list with --sha256"

// longName returns a file's name in lower case, with the long form of its extension.
func longName(name string) string {
	name = strings.ToLower(name)
	ext := path.Ext(name)
	if long := archiveNames[ext]; long != "" {
		return strings.TrimSuffix(name, ext) + long
	}
	return name
}

// formatByName returns the format that a file's extension names, nil for none.
func formatByName(name string) *format {
	name = longName(name)
	if strings.HasSuffix(name, "-flat.vmdk") { // the raw part of a VMDK
		return nil
	}
	for i := range formats {
		if hasExt(name, formats[i].exts) {
			return &formats[i]
		}
	}
	return nil
}

// hasExt reports whether a name has one of the extensions.
func hasExt(name, exts string) bool {
	for ext := range strings.FieldsSeq(exts) {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// innerName returns the name of the content of a compressed file: without the extension of its format.
func innerName(name string) string {
	name = longName(name)
	if formatByName(name) == nil {
		return name
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

// checkRaw refuses a raw file whose content or name says that it is no image.
func checkRaw(ref Ref, name string, f io.ReaderAt) error {
	if err := refuseNonImage(ref, f); err != nil {
		return err
	}
	return checkRawName(ref, name)
}

// checkRawName refuses content in no known format under a name that promises one. It is damaged, or a page that a
// server sent instead: writing it unchanged would be a failed flash.
func checkRawName(ref Ref, name string) error {
	if claimed := formatByName(name); claimed != nil {
		return classify.WithHint(classify.New(classify.ImageFormat, "the image %s has the name of a %s file and is none", ref, claimed.name),
			"it is damaged, or not what was asked for: download or build it again; if it is raw, rename it or add --format raw")
	}
	for _, c := range companions {
		if hasExt(longName(name), c.exts) {
			return classify.WithHint(classify.New(classify.ImageFormat, "the image %s is %s, by its name", ref, c.what),
				"%s; if it is raw, rename it or add --format raw", strings.ReplaceAll(c.hint, "FILE", ref.String()))
		}
	}
	return nil
}
