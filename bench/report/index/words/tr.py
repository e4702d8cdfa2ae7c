"""What the index of reports says, in Turkish."""

# ruff: noqa: RUF001 - letters of the Turkish alphabet are meant

from __future__ import annotations

TITLE = "Raporlar"
OVERLINE = "AIPC Bench"
NONE = "Burada henüz rapor yok. Şu komut bir tane oluşturur:"
NONE_COMMAND = "nox -s bench -- --lang tr"
HEADING = "{reports}, en yenisi başta"
TABLE = "Bütün raporlar"
KINDS = {
    "run": "koşu",
    "comparison": "karşılaştırma",
    "gate": "gerileme denetimi",
    "history": "geçmiş",
}
HEADS = (
    ("ölçüm zamanı, UTC", ""),
    ("rapor", ""),
    ("yanıt", ""),
    ("ciddi bulgular", ""),
    ("yığınlar", ""),
    ("hücreler", "n"),
    ("model", ""),
    ("makine", ""),
)
SYNTHETIC = "rastgele ağırlıklar"
SIMULATED = {"some": "kısmen benzetim", "all": "benzetim"}
UNFINISHED = "sonuna varmadı"
UNDATED = "bilinmiyor"
UNREADABLE_TITLE = "Okunamayanlar"
UNREADABLE_NOTE = (
    "Bunlar da burada duruyor, ama gösterilemiyor. Eski bir sürümün yazdıkları, yeniden oluşturulunca düzelir."
)
NO_PAGE = "yanında {page} yok"
TOO_LARGE = "bir raporunki olamayacak kadar büyük"
BROKEN = "okunabilen bir JSON değil ({error})"
OLDER = "neyle ilgili olduğunu söylemiyor: onu eski bir sürüm ya da başka bir şey yazmış"
NOTE = (
    "Bu sayfa her rapordan sonra yeniden yazılır. Bir rapor klasörüyle birlikte silindiyse sayfayı şu komut günceller:"
)
NOTE_COMMAND = "nox -s report -- --index --lang tr"
