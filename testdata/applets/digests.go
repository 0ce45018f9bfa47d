package applets

var digests = []Applet{
	{Name: "md5sum", Cases: []Case{
		{"printf abc | md5sum; echo abc >f; md5sum f f; md5sum <f; md5sum /no/such; echo $?", "900150983cd24fb0d6963f7d28e17f72  -\n0bee89b07a248e27c83fc3d5951213c1  f\n0bee89b07a248e27c83fc3d5951213c1  f\n0bee89b07a248e27c83fc3d5951213c1  -\nmd5sum: can't open '/no/such': No such file or directory\n1\n", 0},
		{"printf abc >f; md5sum f | md5sum -c; echo 00000000000000000000000000000000  f | md5sum -c; echo $?", "f: OK\nmd5sum: WARNING: 1 of 1 computed checksums did NOT match\n1\n", 0},
		{"printf abc >f; md5sum f >s; md5sum -c s; printf abd >f; md5sum -c s; echo $?; md5sum -s -c s; echo $?", "f: OK\nf: FAILED\nmd5sum: WARNING: 1 of 1 computed checksums did NOT match\n1\n1\n", 0},
	}},
	{Name: "sha256sum", Cases: []Case{
		{"printf abc | sha256sum; sha256sum </dev/null; echo x >f; sha256sum f -", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac  f\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n", 0},
		{"printf abc >f; sha256sum f | sha256sum -c; echo 'bad line' | sha256sum -c; echo $?", "f: OK\nsha256sum: WARNING: 1 of 1 computed checksums did NOT match\n1\n", 0},
		{"sha256sum /; echo $?", "sha256sum: can't read '/': Is a directory\n1\n", 0},
	}},
	{Name: "sha512sum", Cases: []Case{
		{"printf abc | sha512sum", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f  -\n", 0},
	}},
}
