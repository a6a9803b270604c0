using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Capbox.Ptp.Clocks;
using Xunit;

namespace Capbox.Tests;

/// <summary>Every struct and every number in Capbox.Platform.Linux against the C headers of this machine.</summary>
public class AbiTests
{
    private static readonly AbiCheck s_check = new(
        [Program("abi.c"), Program("ptp.c")], "Capbox.Platform.Linux", typeof(LibC), [typeof(BlockRewriter), typeof(ReferenceClock)],
        field => field.DeclaringType == typeof(ReferenceClock) || field.Name is "PacketTypeOffset" or "EtherType8021Q",
        [
            "AlignedBuffer.Alignment", "Leds.MaxLeds", "Leds.MaxSeconds", "FileSystem.PageBytes", "FilterProgram.LiveBufferBytes", "LinkControl.AnswerBytes", "LinkControl.MaxAnswers", "LinkWatch.DrainBytes", "LinkWatch.MaxDrains", "PacketRing.FrameBytes",
            "Pcap.Optimize", // pcap_compile's "non-zero"
            "InterfaceDevice.MaxFlags", "ReceiveBatch.Slots", "ReceiveBatch.DataBytes", "ReceiveBatch.ControlBytes", "ReceiveBatch.NameBytes",
        ]);

    [Fact]
    public void Every_struct_is_laid_out_as_the_headers_say() => s_check.Structs();

    [Fact]
    public void Every_number_is_the_headers() => s_check.Numbers();

    [Fact]
    public void Nothing_is_printed_that_has_no_mirror() => s_check.NothingWithoutMirror();

    private static string Program(string name) => Path.Combine(Repository.Root, "tests", "abi", name);
}
