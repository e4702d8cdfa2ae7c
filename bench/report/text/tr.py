"""The report in Turkish. Names, keys and places in format strings are those of the English text.

Names that come from data take no suffix: a sentence carries it on a word of its own beside the name.
"""

# ruff: noqa: RUF001 - letters of the Turkish alphabet, en dashes and multiplication signs are meant

from __future__ import annotations

from collections.abc import Sequence

from bench.report.format import number

RATIO_NAME = "ilk belirtece kadar geçen sürenin en düşüğe oranı"
ITL_NAMES = {
    "p50": "belirteçler arası gecikmenin medyanı",
    "p95": "belirteçler arası gecikmenin 95. yüzdeliği",
    "p99": "belirteçler arası gecikmenin 99. yüzdeliği",
}
KIND = "{new} yeni belirteç"
BATCH = "parti boyutu {size}"
AT_PROMPT = "{name}, istem {prompt}"
PROMPTS = "istem {lengths}"
SIMULATED_MARK = " (benzetim)"
MORE = "{count} tane daha"
NO_INTERVAL = "aralık yok"
SECTIONS_LABEL = "Bölümler"
RATIO_TITLE = "İlk belirtece kadar geçen süre, o uzunluktaki en düşüğün katı"
POINT_TIP = "{at}: {metric} {value} ms ({interval}), n = {n}"
LINES_LABEL = "istem uzunluğuna göre {metric}, her yapılandırmaya bir çizgi, tablodaki gibi"
CHART_NOTE = (
    "Düşük olan daha iyidir. Çubuklar %95 güven aralıklarıdır{missing}. Aynı istem uzunluğundaki noktalar, arkalarında "
    "kalanı gösterdiği yerde biraz yana kaydırılmıştır. Değerleri görmek için bir noktanın üzerine gelin ya da Tab ve "
    "ok tuşlarıyla ona gidin. Logaritmik denmeyen grafiklerde milisaniyeler sıfırdan başlar; oran 1’in çevresinde "
    "gösterilir."
)
CHART_NOTE_MISSING = " (burada yok: tek blok aralık vermez)"
PROMPT_AXIS = "istem belirteci"
ALONG_AXIS = "yanıtın kaçıncı belirteci"
ALONG_TIP = "istem {prompt}: {n} üretimin medyanı"
ALONG_LABEL = "yanıt boyunca her belirtecin gecikmesi, medyan ve 10. ile 90. yüzdelik arasındaki bant"
SPREAD_AXIS = "belirteçler arası gecikme, ms"
SPREAD_LABEL = "belirteçler arası gecikmenin dağılımı, her istem uzunluğuna bir sırt"
LATENCY_AXIS = "belirteç başına ms"
TOO_MANY_PANELS = "{count} yapılandırmanın ilk {shown} tanesi gösteriliyor; ötekiler verinin içinde."
LOAD_PARTS = (
    ("process_start_s", "süreç başlangıcı"),
    ("import_s", "içe aktarma"),
    ("load_s", "okuma ve derleme"),
    ("first_generation_s", "ilk üretim"),
)

TOO_MANY_SHAPES = "En küçükten en büyüğe {count} istek biçiminden {shown} tanesi çizildi; tabloda hepsi var."
ARRIVAL_AXIS = "istekten bu yana ms"
ARRIVAL_AXIS_LOG = "istekten bu yana ms (logaritmik)"
ARRIVAL_LABEL = "istekten her belirtece kadar geçen süre, her yapılandırmaya bir çizgi, tablodaki gibi"
ARRIVAL_TIP = "{name}: ilk belirteç {first} ms sonra, {n}. belirteç {last} ms sonra"
TRADEOFF_X_AXIS = "en yüksek bellek, MB"
TRADEOFF_Y_AXIS = "belirteç başına ms"
TRADEOFF_Y_AXIS_LOG = "belirteç başına ms (logaritmik)"
TRADEOFF_LABEL = "en yüksek belleğe göre belirteç başına süre, her yapılandırmaya bir nokta, tablodaki gibi"
TRADEOFF_TIP = "{name}: belirteç başına {tpot} ms, {peak} MB{best}"
TRADEOFF_TIP_BEST = "; her ikisinden de azıyla yetinen başkası yok"
ROOFLINE_NOTE = (
    "Her üretim adımı ağırlıkları ve KV önbelleğini bellekten okur; bu yüzden bellek saniyede en çok bant "
    "genişliği ÷ bu bayt sayısı kadar adıma izin verir: düz çizgi. Kesik çizgiler bunun yarısı ve dörtte biridir. Bant "
    "genişliği {rate} GB/s’dir; bu makinenin CPU’su koşudan önce, koşunun iş parçacıklarıyla bu hızda okudu. Bir adım "
    "her dizi için bir belirteç verir."
)
ROOFLINE_CAVEATS = (
    "Nasıl okunur: ağırlıklar saklandıkları genişlikte, daha dar hesaplanıyorlarsa o genişlikte sayılır, çünkü bir "
    "yığın onları öyle tutuyor olabilir. Bir belirtecin tek satırını okuduğu gömme tablosu, çıkış katmanıyla "
    "paylaşılmıyorsa sayılmaz. Uzmanlar karışımı (MoE) burada söylenenden az okur. Bir bölümü işlemcinin "
    "önbelleklerinde kalan ağırlıklar %100’ü aşabilir. {cache}"
)
ROOFLINE_KV_ALL = "KV önbelleği, yanıtın ortasındaki durumuyla sayılır."
ROOFLINE_KV_SOME = (
    "KV önbelleği, biçimi ve türü bilindiğinde yanıtın ortasındaki durumuyla sayılır; sütununun boş olduğu yerde "
    "bilinmiyordur, sınır yalnızca ağırlıklarınkidir ve fazla yüksektir."
)
ROOFLINE_NO_BANDWIDTH = (
    "Bu koşu makinenin bellek bant genişliğini ölçmedi, dolayısıyla karşılaştırılacak bir değer yok."
)
ROOFLINE_LEFT_OUT = "Noktası olmayanlar: {reasons}."
ROOFLINE_REASONS = {
    "not on the CPU": "CPU dışında bir aygıtta çalışan, belleğe yolu ölçülmemiş {cells}",
    "no weights": "ağırlıklarının boyutu bilinmeyen {cells}",
    "one token": "yanıtı tek belirteç olan, üretim adımı bulunmayan {cells}",
}
ROOFLINE_X_AXIS = "adım başına okunan MB"
ROOFLINE_Y_AXIS = "saniyede üretim adımı"
ROOFLINE_LABEL = "adım başına okunan bayta göre saniyedeki üretim adımı, belleğin sınırı altında, tablodaki gibi"
ROOFLINE_TIP = "{name}, istem {prompt}: saniyede en çok {limit} adımdan {rate} adım, {share}, adım başına {size} MB"
POWER_SOURCES = {"mains": "şebeke", "battery": "pil"}

_NOUNS = {
    "A/B run": "A/B koşusu",
    "block": "blok",
    "cell": "hücre",
    "compared cell": "karşılaştırılan hücre",
    "figure": "sayı",
    "head": "aday",
    "more cell": "hücre daha",
    "more row": "satır daha",
    "package": "paket",
    "process": "süreç",
    "report": "rapor",
    "run": "koşu",
    "shared block": "ortak blok",
    "series": "seri",
    "thread": "iş parçacığı",
    "time": "kat",
    "token": "belirteç",
}


def plural(count: int, one: str, many: str | None = None) -> str:  # noqa: ARG001 - no plural stands after a number
    """``3 blok``: the English nouns of the call in Turkish, which has no plural after a number."""
    return f"{number(count, 0)} {_NOUNS[one]}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a ve b``, ``a, b ve c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} ve {names[-1]}"
