using Capbox.Capture;
using Microsoft.Extensions.Logging;

using var f = LoggerFactory.Create(b => b.AddConsole());
using var r = new Recorder(new RecorderOptions { Ports = [new PortOptions { Name = args[0], Filter = args.Length > 2 ? args[2] : null }], Storage = new StorageOptions { Directory = args[1], SegmentBytes = 256 << 20 } }, f.CreateLogger<Recorder>());
r.Start();
var done = new ManualResetEventSlim();
using var s = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, c =>
{
    c.Cancel = true;
    done.Set();
});
done.Wait();
r.Stop();
Console.WriteLine(r.Snapshot());
foreach (var p in r.Snapshot().Ports)
    Console.WriteLine(p);
