"""Passages in languages that the real data sets here lack, written for the tests:
German, Greek, Turkish, Vietnamese."""

# Of each language a passage, and (question, answer) pairs about it.
PASSAGES = {
    "de": (
        "Der Rhein entspringt in den Schweizer Alpen und mündet nach etwa 1.233 "
        "Kilometern in den Niederlanden in die Nordsee. Große Städte an seinen "
        "Ufern sind Basel, Straßburg, Köln und Düsseldorf; sein längster "
        "Nebenfluss in Deutschland ist die Mosel, gefolgt vom Main und vom "
        "Neckar. „Vater Rhein“ nannten ihn die Dichter. Schon die Römer bauten "
        "hier Brücken, z.\u00a0B. 55 v.\u00a0Chr. in der Nähe von Koblenz. Im "
        "19.\u00a0Jahrhundert begradigte Johann Gottfried Tulla den Oberrhein, "
        "wodurch der Flusslauf um 81 Kilometer kürzer wurde. Die "
        "Rheinschifffahrtsgesellschaften befördern Güter – Kohle, Erze, Öl – bis "
        "nach Rotterdam; für Ausflügler gibt es Fahrgastschiffe. Über die Höhe "
        "des Wassers entscheiden Schnee und Regen.",
        [("Wer begradigte den Oberrhein?", "Johann Gottfried Tulla"),
         ("Wie nannten ihn die Dichter?", "Vater Rhein")]),
    "el": (
        "Η Ακρόπολη είναι ένας βραχώδης λόφος ύψους 156 μέτρων στην Αθήνα. Ο "
        "Παρθενώνας χτίστηκε τον 5ο αιώνα π.Χ. από τους αρχιτέκτονες Ικτίνο και "
        "Καλλικράτη, ενώ ο γλύπτης Φειδίας είχε τη γενική εποπτεία· ήταν "
        "αφιερωμένος στη θεά Αθηνά. Το Ερέχθειο, με τις έξι Καρυάτιδες, "
        "ολοκληρώθηκε αργότερα. «Ο πιο όμορφος ναός», έγραψε ένας ταξιδιώτης, αν "
        "και το 1687 μια έκρηξη κατέστρεψε τη στέγη του. Στο Μουσείο της "
        "Ακρόπολης, που άνοιξε το 2009, εκτίθενται γλυπτά από μάρμαρο της "
        "Πεντέλης. Κάθε χρόνο έρχονται επισκέπτες από όλο τον κόσμο — μαθητές, "
        "φοιτητές, οικογένειες. Ποιος δεν έχει δει μια φωτογραφία του;",
        [("Ποιος είχε τη γενική εποπτεία;", "Φειδίας"),
         ("Πότε άνοιξε το μουσείο;", "το 2009")]),
    "tr": (
        "İstanbul, Boğaz'ın iki yakasında, Avrupa ile Asya'da kurulmuş bir "
        "şehirdir. Ayasofya, İmparator I. Justinianus döneminde, 537 yılında "
        "tamamlandı; mimarları Tralleisli Anthemios ile Miletli İsidoros'tu. "
        "1453'te şehri alan II. Mehmed burayı camiye çevirtti. Topkapı "
        "Sarayı'nda padişahlar yaklaşık 400 yıl yaşadı. Kapalıçarşı'da "
        "“dükkânların” sayısı binleri bulur: halıcılar, kuyumcular, ışıl ışıl "
        "lambalar… İlk köprü 1973'te, Cumhuriyet'in ellinci yılında açıldı; ağır "
        "yağışlarda bile işlek olan vapurlar Kadıköy, Üsküdar ve Beşiktaş "
        "iskelelerine uğrar. Çay, simit ve balık ekmek gezginlerin en sevdiği "
        "şeylerdir.",
        [("Ayasofya ne zaman tamamlandı?", "537 yılında"),
         ("İlk köprü kaçta açıldı?", "1973'te")]),
    "vi": (
        "Hà Nội là thủ đô của Việt Nam, nằm bên bờ sông Hồng. Năm 1010, vua Lý "
        "Thái Tổ dời đô từ Hoa Lư về đây và đặt tên là Thăng Long, nghĩa là "
        "“rồng bay lên”. Văn Miếu được xây dựng năm 1070, thờ Khổng Tử; sáu năm "
        "sau, Quốc Tử Giám trở thành trường đại học đầu tiên của đất nước. Hồ "
        "Hoàn Kiếm gắn với truyền thuyết về vua Lê Lợi trả gươm cho rùa thần. "
        "Khu phố cổ có ba mươi sáu phố phường: Hàng Bạc, Hàng Đào, Hàng Mã… Món "
        "ăn nổi tiếng nhất là phở, thường được ăn vào buổi sáng; ngoài ra còn có "
        "bún chả, chả cá và cà phê trứng. Cầu Long Biên dài 2.290 mét được khánh "
        "thành năm 1902.",
        [("Ai dời đô từ Hoa Lư?", "vua Lý Thái Tổ"),
         ("Văn Miếu được xây dựng năm nào?", "1070")]),
}


def data_set(language):
  """A data set of one passage, in SQuAD's format: dict."""
  context, asked = PASSAGES[language]
  return {"data": [{"paragraphs": [{"context": context, "qas": [
      {"id": "%s-%d" % (language, number), "question": question, "answers": [
          {"text": answer, "answer_start": context.index(answer)}]}
      for number, (question, answer) in enumerate(asked)]}]}]}
