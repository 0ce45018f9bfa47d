package labgrid

// The methods of the coordinator's service.
const (
	service            = "/labgrid.Coordinator/"
	methodClientStream = "ClientStream"
	methodAcquire      = "AcquirePlace"
	methodRelease      = "ReleasePlace"
	methodReserve      = "CreateReservation"
	methodCancel       = "CancelReservation"
	methodPoll         = "PollReservation"
	methodReservations = "GetReservations"
)

// The numbers of the fields of each message that this package reads or writes. They are the same in labgrid 25 and
// 26.
const (
	// An entry of a map, as protobuf encodes it.
	entryKey, entryValue = 1, 2

	// What a client sends in its stream: one of three.
	inSync, inStartup, inSubscribe = 1, 2, 3

	syncID                          = 1
	startupVersion, startupName     = 1, 2
	subscribePlaces, subscribeItems = 2, 3 // bools

	// What the coordinator sends in that stream: the answer to a sync, and any number of updates.
	outSync, outUpdate = 1, 2

	updateResource, updateResourceGone, updatePlace, updatePlaceGone = 1, 2, 3, 4

	resourcePath, resourceClass, resourceParams, resourceExtra, resourceAcquired, resourceAvail = 1, 2, 3, 4, 5, 6

	pathExporter, pathGroup, pathName = 1, 2, 3

	// A value of a resource's parameters: one of five types, or none.
	valueBool, valueInt, valueUint, valueDouble, valueText = 1, 2, 3, 4, 5

	placeName, placeAliases, placeTags, placeMatches              = 1, 2, 4, 5
	placeAcquired, placeResources, placeAllowed                   = 6, 7, 8
	placeChanged, placeReservation                                = 10, 11
	matchExporter, matchGroup, matchClass, matchName, matchRename = 1, 2, 3, 4, 5

	acquirePlace              = 1
	releasePlace, releaseFrom = 1, 2

	reserveFilters, reservePriority      = 1, 2 // a map from group to filter, a double
	filterTags                           = 1    // a map from tag to value
	reservationReply                     = 1    // of methodReserve, methodPoll, and repeated of methodReservations
	reservationOwner, reservationToken   = 1, 2
	reservationState, reservationFilters = 3, 5
	reservationPlaces                    = 6 // a map from group to place
	reservationCreated                   = 7 // a double, seconds
	tokenOnly                            = 1 // of methodCancel and methodPoll
)

// reservationGroup is the only group of a reservation that coordinators know.
const reservationGroup = "main"

// The states of a reservation.
const (
	reservationWaiting   = 0
	reservationAllocated = 1
	reservationInUse     = 2
)
