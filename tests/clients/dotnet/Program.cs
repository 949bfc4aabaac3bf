// The tutorial's PowerShell lines, in C#: Invoke-WebRequest is an HttpClient,
// and what -SessionVariable names and -WebSession hands on is its
// CookieContainer. Prints a line for each: the status, the body, and what has
// become of the cookie.
//
//     dotnet client.dll URL CERTIFICATE [SESSIONS]
//
// With SESSIONS, 1 if it is not said, so many visitors with a container each
// do every line in turn. CERTIFICATE is the only authority that is trusted.
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

string[] lines =
[
    "/session/counter",
    "/session/counter",
    "/session/counter",
    "/session/login?user=max",
    "/session/whoami",
    "/session/set?key=color&value=purple",
    "/session/get?key=color",
    "/session/logout",
    "/session/whoami",
];
var site = new Uri(args[0]);
var authority = X509CertificateLoader.LoadCertificateFromFile(args[1]);
var visitors = new Visitor[args.Length > 2 ? int.Parse(args[2]) : 1];

for (var i = 0; i < visitors.Length; i++)
    visitors[i] = new Visitor(site, authority);
foreach (var line in lines)
    foreach (var visitor in visitors)
        Console.WriteLine(await visitor.Visit(line));

class Visitor
{
    readonly Uri site;
    readonly CookieContainer jar = new();
    readonly HttpClient client;

    public Visitor(Uri site, X509Certificate2 authority)
    {
        this.site = site;
        client = new HttpClient(new HttpClientHandler
        {
            CookieContainer = jar,
            UseProxy = false,
            ServerCertificateCustomValidationCallback =
                (_, certificate, chain, errors) =>
                    Trusts(authority, certificate, chain, errors),
        });
        client.Timeout = TimeSpan.FromSeconds(20);
    }

    public async Task<string> Visit(string path)
    {
        var before = Held();
        using var answer = await client.GetAsync(new Uri(site, path));
        var body = await answer.Content.ReadAsStringAsync();
        return $"{(int)answer.StatusCode} {body} {Fate(before, Held())}";
    }

    Cookie? Held()
    {
        return jar.GetCookies(site).SingleOrDefault();
    }

    // What has become of the cookie between the two. One that scripts or plain
    // HTTP would get is none that the tutorial's server sends.
    static string Fate(Cookie? before, Cookie? after)
    {
        if (after is null)
            return before is null ? "no cookie" : "its cookie is gone";
        if (!after.Secure || !after.HttpOnly || after.Path != "/")
            return $"a cookie that is not guarded: {after.Name}";
        if (before is null)
            return $"a new cookie: {after.Name}";
        return before.Value == after.Value
            ? "the same cookie"
            : "its cookie has changed";
    }

    static bool Trusts(X509Certificate2 authority,
        X509Certificate2? certificate, X509Chain? chain,
        SslPolicyErrors errors)
    {
        const SslPolicyErrors unknown =
            SslPolicyErrors.RemoteCertificateChainErrors;

        if (certificate is null || chain is null || (errors & ~unknown) != 0)
            return false;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
