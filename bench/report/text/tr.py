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
UNKNOWN_MACHINE = "bilinmeyen makine"
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

_FINDINGS = {
    "on-battery": (
        "Pilden çalışıyor",
        "Makine pilden çalışıyor; saat hızı pilde daha düşüktür ve pil azaldıkça daha da düşer.",
    ),
    "saving-power": ("Güç tasarrufu", "Sistem güç tasarrufuna ayarlı."),
    "busy-before": ("Önceden meşgul", "Koşu başlamadan önce başka programlar CPU’yu kullanıyordu."),
    "little-memory": ("Az bellek", "Kullanılabilir bellek az."),
    "swap-in-use": (
        "Takas alanı kullanımda",
        "Koşudan önceden kalma bellek, takas alanında ya da sayfa dosyasında duruyor.",
    ),
    "virtual-machine": (
        "Sanal makine",
        "Makine sanal: komşularının ne yaptığı görünmez; saati ve sayaçları gerçek olmayabilir.",
    ),
    "energy-locked": (
        "Enerji sayacı kilitli",
        "Makine enerjiyi sayıyor, ama bu durumda okunamıyor; bu yüzden `energy_j` boş.",
    ),
    "limited": (
        "Kısıtlı",
        "Koşu, makinede olandan azını kullanabilir: daha az CPU, CPU zamanının bir bölümü ya da daha az bellek.",
    ),
    "environment": (
        "Ortam değişkeni",
        "Bir ortam değişkeni bir yığının iş parçacıklarını sabitliyor ya da yığını yavaşlatıyor.",
    ),
    "not-kept-awake": ("Uyanık tutulamadı", "Sistemden uyanık kalması istenemedi."),
    "other-load": ("Başka yük", "Bir yükleme ölçülürken başka programlar CPU’yu kullandı."),
    "stolen-time": ("Alınan zaman", "Hipervizör bu sanal makinenin CPU zamanını başkalarına verdi."),
    "quota-reached": (
        "CPU kotası doldu",
        "Bir yükleme ölçülürken CPU kotası, ölçüm programını ve işçi süreci bir süre durdurdu.",
    ),
    "too-many-threads": (
        "Fazla iş parçacığı",
        "Bir yığın, CPU kısıtı ya da kotası gereği aynı anda çalışabilecek olandan çok iş parçacığıyla hesaplıyor.",
    ),
    "swapping": ("Takas", "Bir yükleme ölçülürken bellek takas alanına gitti ya da oradan geldi."),
    "paged-from-disk": ("Diskten sayfa", "İşçi süreç, yüklemeden sonra diskten sayfa bekledi."),
    "hot": ("Sıcak", "CPU, yavaşladığı sıcaklığın yakınındaydı."),
    "throttled": ("Kısılmış", "CPU, ısı ya da güç nedeniyle yavaşlatıldı."),
    "power-changed": ("Güç değişti", "Koşu sürerken güç kaynağı ya da kipi değişti."),
    "suspended": (
        "Uykuya geçti",
        "Bir yükleme ölçülürken makine uyudu; uyuduğu sıradaki üretim sayılmaz.",
    ),
    "clock-jumped": ("Saat sıçradı", "Günün saati ayarlandı ya da sanal makine bir süre durduruldu."),
    "warm-up-unsettled": ("Isınma durulmadı", "Isınma hakkı bittiğinde hücre hâlâ hızlanıyordu."),
    "drift": ("Sürüklenme", "Bir hücre bloktan bloğa yavaşladı ya da hızlandı."),
    "trend": (
        "Eğilim",
        "Bir hücre, bir sürecin süresi ölçülen bir üretiminden ötekine hâlâ hızlandı ya da yavaşladı.",
    ),
    "alike-blocks": (
        "Benzeşen bloklar",
        "Bloklar bir öncekine benziyor; bu yüzden aynı sayıda bağımsız bloktan daha az şey söylüyorlar.",
    ),
    "bimodal": ("İki tepeli", "Bir hücrenin blokları, iki ayrı çalışma biçimi varmış gibi iki kümeye ayrılıyor."),
    "outlier-block": ("Aykırı blok", "Bir hücrenin bir bloğu ötekilerden uzak."),
    "outlier-generation": ("Aykırı üretim", "Bir hücrenin bir üretimi ötekilerden uzak."),
}
"""The guard's words -> what such a finding is called and means."""

_ADVICE = {
    "Plug it in.": "Fişe takın.",
    "Choose the power mode for best performance, or compare only with runs in the same mode.": (
        "En iyi performans için olan güç kipini seçin ya da yalnızca aynı kipteki koşularla karşılaştırın."
    ),
    "Compare only with runs under the same limits, or lift them (taskset, cpuset, the container's or the unit's).": (
        "Yalnızca aynı kısıtlar altındaki koşularla karşılaştırın ya da kısıtları kaldırın "
        "(taskset, cpuset, kapsayıcının ya da birimin kısıtları)."
    ),
    "Unset it before the run, unless it is what you measure.": (
        "Ölçmek istediğiniz o değilse, koşudan önce bu değişkeni kaldırın."
    ),
    "Raise the quota, or take fewer threads (--threads): what ran in the rest of a period looks slow.": (
        "Kotayı yükseltin ya da daha az iş parçacığı kullanın (--threads): bir dönemin kalanına düşen iş yavaş görünür."
    ),
    "Leave --threads to its default, or ask for fewer.": (
        "--threads için varsayılanı kullanın ya da daha az iş parçacığı isteyin."
    ),
    "Close them, or wait until they are done.": "Onları kapatın ya da bitmelerini bekleyin.",
    "Close other programs, or use a smaller model.": "Öteki programları kapatın ya da daha küçük bir model kullanın.",
    "If swapping is found during the run too, close other programs or restart.": (
        "Koşu sırasında da takas görülürse öteki programları kapatın ya da makineyi yeniden başlatın."
    ),
    "Trust ratios within one run more than times, and compare variants with blocks of the same run.": (
        "Sürelerden çok, bir koşu içindeki oranlara güvenin; çeşitleri aynı koşunun bloklarıyla karşılaştırın."
    ),
    "Allow it, or do without.": "İzin verin ya da onsuz yetinin.",
    "Switch its sleep off for the time of the run.": "Koşu boyunca uyku kipini kapatın.",
    "Close them and run again, or take more blocks (--profile standard).": (
        "Onları kapatıp yeniden ölçün ya da daha çok blok ölçün (--profile standard)."
    ),
    "Use a machine with cores of its own, or take more blocks.": (
        "Çekirdekleri yalnızca kendisinin olan bir makine kullanın ya da daha çok blok ölçün."
    ),
    "If it is found in one block only, that block is slower for it; more memory keeps the model in.": (
        "Yalnızca bir blokta görülüyorsa o blok bu yüzden yavaştır; daha çok bellek modeli bellekte tutar."
    ),
    "Let it cool between visits (--cooldown-s 30), and see to its air.": (
        "Ziyaretler arasında soğumasını bekleyin (--cooldown-s 30) ve hava akışına bakın."
    ),
    "Let it cool between visits (--cooldown-s 30), and see to its air and its power supply.": (
        "Ziyaretler arasında soğumasını bekleyin (--cooldown-s 30), hava akışına ve güç kaynağına bakın."
    ),
    "Run again and leave both alone; the blocks before and after do not belong together.": (
        "İkisine de dokunmadan yeniden çalıştırın; öncesindeki ve sonrasındaki bloklar bir arada değerlendirilemez."
    ),
    "Run again with sleep switched off; what was measured after waking may be slower.": (
        "Uyku kipi kapalıyken yeniden çalıştırın; uyandıktan sonra ölçülenler daha yavaş olabilir."
    ),
    "Latencies are read from another clock; only the times in the files are off.": (
        "Gecikmeler başka bir saatten okunur; yalnızca dosyalardaki zamanlar yanlıştır."
    ),
    "Its timed generations may hold some warm-up: allow more (--max-warmups 12).": (
        "Süresi ölçülen üretimlerde ısınma kalmış olabilir: daha çoğuna izin verin (--max-warmups 12)."
    ),
    "Intervals may be too narrow: give the blocks more time (--cooldown-s 30), and compare variants in one run.": (
        "Aralıklar fazla dar olabilir: bloklara daha çok zaman verin (--cooldown-s 30) ve çeşitleri tek koşuda "
        "karşılaştırın."
    ),
    "Find out what changed (heat, power, other programs); compare variants within the same blocks.": (
        "Neyin değiştiğini bulun (ısı, güç, başka programlar); çeşitleri aynı bloklar içinde karşılaştırın."
    ),
    "Where it falls, take more warm-ups (--warmups 5); where it rises, look for heat, memory and other programs.": (
        "Düşüyorsa daha çok ısınma yapın (--warmups 5); yükseliyorsa ısıya, belleğe ve başka programlara bakın."
    ),
    "The mean of the two is the time of neither: take more blocks, and look at threads and placement.": (
        "İkisinin ortalaması hiçbirinin süresi değildir: daha çok blok ölçün, iş parçacıklarına ve yerleşime bakın."
    ),
    "It is counted; see what else is found in that block, and what the cell would be without it.": (
        "Sayılır; o blokta başka ne bulunduğuna ve hücrenin onsuz ne olacağına bakın."
    ),
    "It is counted; medians of blocks bear single ones.": "Sayılır; blok medyanları tek tek üretimlere dayanıklıdır.",
}
"""The guard's usual advice, as it writes it down -> the same in Turkish."""


def plural(count: int, one: str, many: str | None = None) -> str:  # noqa: ARG001 - no plural stands after a number
    """``3 blok``: the English nouns of the call in Turkish, which has no plural after a number."""
    return f"{number(count, 0)} {_NOUNS[one]}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a ve b``, ``a, b ve c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} ve {names[-1]}"


def finding_title(code: str, times: int) -> str:
    """As in English, e.g. ``Başka yük (6 kez)``; a kind that is not known by its fixed word."""
    title = _FINDINGS[code][0] if code in _FINDINGS else code
    return title + (f" ({times} kez)" if times > 1 else "")


def finding_meaning(code: str) -> str:
    """What a kind of finding means: its messages were written down in English."""
    return _FINDINGS[code][1] if code in _FINDINGS else ""


def finding_advice(advice: str) -> str:
    """The guard's usual advice in Turkish, another as it was written down."""
    return _ADVICE.get(advice, advice)
