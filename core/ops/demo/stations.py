"""The stations of the reference railway: real places on Java, about 1 km exact. All keep western Indonesian time."""

from __future__ import annotations

from typing import Final, NamedTuple

#: WIB. Banyuwangi looks across the strait at Bali's WITA but keeps Java's clock.
TIME_ZONE: Final = "Asia/Jakarta"


class StationData(NamedTuple):
    """One station; latitude and longitude in degrees as written."""

    code: str
    name: str
    city: str
    province: str
    latitude: str
    longitude: str


STATIONS: Final = (
    StationData("GMR", "Gambir", "Jakarta", "DKI Jakarta", "-6.177", "106.831"),
    StationData("PSE", "Pasar Senen", "Jakarta", "DKI Jakarta", "-6.175", "106.845"),
    StationData("JNG", "Jatinegara", "Jakarta", "DKI Jakarta", "-6.215", "106.870"),
    StationData("BKS", "Bekasi", "Bekasi", "Jawa Barat", "-6.236", "106.999"),
    StationData("CKP", "Cikampek", "Karawang", "Jawa Barat", "-6.406", "107.459"),
    StationData("BD", "Bandung", "Bandung", "Jawa Barat", "-6.914", "107.602"),
    StationData("KAC", "Kiaracondong", "Bandung", "Jawa Barat", "-6.925", "107.646"),
    StationData("TSM", "Tasikmalaya", "Tasikmalaya", "Jawa Barat", "-7.322", "108.224"),
    StationData("BJR", "Banjar", "Banjar", "Jawa Barat", "-7.375", "108.540"),
    StationData("CN", "Cirebon", "Cirebon", "Jawa Barat", "-6.705", "108.555"),
    StationData("TG", "Tegal", "Tegal", "Jawa Tengah", "-6.867", "109.143"),
    StationData("PK", "Pekalongan", "Pekalongan", "Jawa Tengah", "-6.890", "109.664"),
    StationData("SMC", "Semarang Poncol", "Semarang", "Jawa Tengah", "-6.973", "110.414"),
    StationData("SMT", "Semarang Tawang", "Semarang", "Jawa Tengah", "-6.964", "110.428"),
    StationData("PWT", "Purwokerto", "Purwokerto", "Jawa Tengah", "-7.419", "109.222"),
    StationData("CP", "Cilacap", "Cilacap", "Jawa Tengah", "-7.736", "109.007"),
    StationData("KYA", "Kroya", "Cilacap", "Jawa Tengah", "-7.630", "109.254"),
    StationData("KM", "Kebumen", "Kebumen", "Jawa Tengah", "-7.682", "109.662"),
    StationData("KTA", "Kutoarjo", "Purworejo", "Jawa Tengah", "-7.726", "109.907"),
    StationData("SLO", "Solo Balapan", "Surakarta", "Jawa Tengah", "-7.557", "110.821"),
    StationData("YK", "Yogyakarta", "Yogyakarta", "DIY", "-7.789", "110.363"),
    StationData("LPN", "Lempuyangan", "Yogyakarta", "DIY", "-7.790", "110.375"),
    StationData("MN", "Madiun", "Madiun", "Jawa Timur", "-7.619", "111.525"),
    StationData("JG", "Jombang", "Jombang", "Jawa Timur", "-7.558", "112.234"),
    StationData("MR", "Mojokerto", "Mojokerto", "Jawa Timur", "-7.473", "112.434"),
    StationData("SGU", "Surabaya Gubeng", "Surabaya", "Jawa Timur", "-7.265", "112.752"),
    StationData("SBI", "Surabaya Pasarturi", "Surabaya", "Jawa Timur", "-7.248", "112.731"),
    StationData("ML", "Malang", "Malang", "Jawa Timur", "-7.977", "112.637"),
    StationData("JR", "Jember", "Jember", "Jawa Timur", "-8.165", "113.704"),
    StationData("KTG", "Ketapang", "Banyuwangi", "Jawa Timur", "-8.141", "114.397"),
    StationData("BWI", "Banyuwangi Kota", "Banyuwangi", "Jawa Timur", "-8.213", "114.343"),
)
