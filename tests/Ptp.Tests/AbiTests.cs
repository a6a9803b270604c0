using Capbox.Ptp.Clocks;
using Capbox.Ptp.Native;
using Xunit;

namespace Capbox.Ptp.Tests;

/// <summary>Every struct and every number in Capbox.Ptp.Native against the C headers of this machine.</summary>
public class AbiTests
{
    private static readonly AbiCheck s_check = new(
        Path.Combine(Repository.Root, "tests", "abi", "ptp.c"), "Capbox.Ptp.Native", typeof(SystemCalls), [typeof(ReferenceClock)], _ => true,
        ["InterfaceDevice.MaxFlags", "ReceiveBatch.Slots", "ReceiveBatch.DataBytes", "ReceiveBatch.ControlBytes", "ReceiveBatch.NameBytes"]);

    [Fact]
    public void Every_struct_is_laid_out_as_the_headers_say() => s_check.Structs();

    [Fact]
    public void Every_number_is_the_headers() => s_check.Numbers();

    [Fact]
    public void Nothing_is_printed_that_has_no_mirror() => s_check.NothingWithoutMirror();
}
